import { and, eq, sql } from "drizzle-orm";
import { events } from "../../db/schema/audit.ts";
import { idsBetween, isBetween } from "../audit/between.ts";
import type { AuditDeps } from "../audit/deps.ts";
import type { Range } from "./range.ts";

/** How often machines were quarantined in a time, by kind of fault. */
export async function countQuarantines(
  deps: Pick<AuditDeps, "db">,
  range: Range,
): Promise<Map<string, number>> {
  const between = { from: new Date(range.from), to: new Date(range.to) };
  const fault = sql<string | null>`JSON_VALUE(${events.details}, '$.fault')`;
  const rows = await deps.db
    .select({ fault, count: sql`COUNT(*)`.mapWith(Number) })
    .from(events)
    .where(and(eq(events.action, "machine.quarantined"), isBetween(between), await idsBetween(deps, between)))
    .groupBy(fault);
  return new Map(rows.map(({ fault: kind, count }) => [kind ?? "", count]));
}
