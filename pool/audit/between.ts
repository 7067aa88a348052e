import { and, asc, desc, gt, gte, lt, lte, type SQL, sql } from "drizzle-orm";
import { events } from "../../db/schema/audit.ts";
import type { AuditDeps } from "./deps.ts";
import { LATEST_MS } from "./tail.ts";

/** Instants; undefined: from the beginning, up to now. */
export interface Between {
  from?: Date | undefined;
  to?: Date | undefined;
}

/**
 * A condition: the event's number may belong to a time. An event happened when it was numbered, so a list in the order of
 * numbers needn't walk through all those before or after the time; the time itself has to be compared, too.
 */
export async function idsBetween(
  { db }: Pick<AuditDeps, "db">,
  { from, to }: Between,
): Promise<SQL | undefined> {
  const find = (where: SQL, order: typeof asc) =>
    db
      .select({ id: events.id })
      .from(events)
      .where(where)
      .orderBy(order(events.at), order(events.id))
      .limit(1);
  const margin = (at: Date, ms: number) => new Date(at.getTime() + ms);
  const [before] = from ? await find(lt(events.at, margin(from, -LATEST_MS)), desc) : [];
  const [after] = to ? await find(gte(events.at, margin(to, LATEST_MS)), asc) : [];
  return and(before && gt(events.id, before.id), after && lte(events.id, after.id));
}

/** A condition: the event happened in a time. */
export const isBetween = ({ from, to }: Between): SQL | undefined =>
  and(from && gte(events.at, from), to && lt(events.at, to));

/** From when on there are events; null: from the first one on. */
export async function eventsFrom({ db }: Pick<AuditDeps, "db">): Promise<number | null> {
  const before = sql<string>`JSON_VALUE(${events.details}, '$.before')`;
  const [row] = await db
    .select({ before })
    .from(events)
    .where(sql`${events.action} = 'events.pruned'`)
    .orderBy(desc(events.id))
    .limit(1);
  return row ? Date.parse(row.before) : null;
}
