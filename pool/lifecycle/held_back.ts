// A uid is held back until its reservation is over and every disk has been swept since.
import { and, between, sql } from "drizzle-orm";
import { reservations } from "../../db/schema/reservations.ts";
import type { LifecycleDeps } from "./deps.ts";
import { ASIDE } from "./states.ts";

/** When more than this share of the uids is held back, disks are swept early. */
const LOW = 1 / 2;

/**
 * The start of the oldest sweep: every disk is known to be free of files from holders who left before then. Machines
 * that are set aside don't count until they have been cleaned and offered again; their own records refuse the uids
 * that they know.
 */
export const sweptSince = sql`(SELECT COALESCE(MIN(swept_at), UTC_TIMESTAMP(3)) FROM machines WHERE state NOT IN ${ASIDE})`;

/** Whether so many uids are held back that the disks should be swept early. */
export async function uidsRunLow({ db, uids: { first, last } }: LifecycleDeps): Promise<boolean> {
  const [row] = await db
    .select({ n: sql`COUNT(DISTINCT ${reservations.uid})`.mapWith(Number) })
    .from(reservations)
    .where(
      and(
        between(reservations.uid, first, last),
        sql`(${reservations.endedAt} IS NULL OR ${reservations.endedAt} >= ${sweptSince})`,
      ),
    );
  return (row?.n ?? 0) > (last - first + 1) * LOW;
}
