// A uid is held back while its reservation is not over, and until every disk was swept after that.
import { and, between, sql } from "drizzle-orm";
import { reservations } from "../../db/schema/pool.ts";
import type { LifecycleDeps } from "./deps.ts";
import { ASIDE } from "./states.ts";

/** From this part on the disks are searched earlier. */
const LOW = 1 / 2;

/**
 * The time since which no disk is known to be free of a former holder's files. A machine that is put aside does not
 * count: it is offered only after a clean-up, and then it counts again; its own record refuses what it knows.
 */
export const searchedSince = sql`(SELECT COALESCE(MIN(swept_at), UTC_TIMESTAMP(3)) FROM machines WHERE state NOT IN ${ASIDE})`;

/** Whether so many uids are held back that the disks should be swept before their time. */
export async function uidsRunLow({ db, uids: { first, last } }: LifecycleDeps): Promise<boolean> {
  const [row] = await db
    .select({ n: sql`COUNT(DISTINCT ${reservations.uid})`.mapWith(Number) })
    .from(reservations)
    .where(
      and(
        between(reservations.uid, first, last),
        sql`(${reservations.endedAt} IS NULL OR ${reservations.endedAt} >= ${searchedSince})`,
      ),
    );
  return (row?.n ?? 0) > (last - first + 1) * LOW;
}
