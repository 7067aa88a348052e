import { and, asc, gte, inArray } from "drizzle-orm";
import { events } from "../../db/schema/audit.ts";
import { machines } from "../../db/schema/pool.ts";
import { idsBetween } from "../audit/between.ts";
import type { AuditDeps } from "../audit/deps.ts";
import type { Range } from "./range.ts";

/** When each machine was in the pool, as far as it was after an instant: those of today by their rows, others by the events. */
export async function readPoolTimes(
  deps: Pick<AuditDeps, "db">,
  from: number,
  now: number,
): Promise<Range[]> {
  const since = new Date(from);
  const rows = await deps.db
    .select({ action: events.action, object: events.object, at: events.at })
    .from(events)
    .where(
      and(
        inArray(events.action, ["machine.registered", "machine.removed"]),
        gte(events.at, since),
        await idsBetween(deps, { from: since }),
      ),
    )
    .orderBy(asc(events.id));
  const times: Range[] = [];
  const joined = new Map<string, number>();
  for (const { action, object, at } of rows)
    if (action === "machine.registered") joined.set(object, at.getTime());
    else {
      times.push({ from: joined.get(object) ?? from, to: at.getTime() });
      joined.delete(object);
    }
  const present = await deps.db.select({ at: machines.createdAt }).from(machines);
  for (const { at } of present) times.push({ from: at.getTime(), to: now });
  return times;
}
