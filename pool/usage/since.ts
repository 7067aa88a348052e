import { eq, sql } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import { eventsFrom } from "../audit/between.ts";
import type { UsageDeps } from "./deps.ts";

/** The database's clock, in ms since 1970. */
export async function readClock({ db }: UsageDeps): Promise<number> {
  const [row] = await db.select({ at: sql<Date>`${now}`.mapWith(events.at) }).from(sql`DUAL`);
  if (!row) throw new Error("the database didn't return the time");
  return row.at.getTime();
}

/** From when on the history is whole, in ms: old reservations and old events are deleted. 0: from the beginning. */
export async function wholeSince(deps: UsageDeps): Promise<number> {
  const days = sql`CAST(JSON_VALUE(${events.details}, '$.days') AS INTEGER)`;
  const [row] = await deps.db
    .select({ at: sql<Date | null>`MAX(${events.at} - INTERVAL ${days} DAY)`.mapWith(events.at) })
    .from(events)
    .where(eq(events.action, "reservations.pruned"));
  return Math.max(row?.at?.getTime() ?? 0, (await eventsFrom(deps)) ?? 0);
}
