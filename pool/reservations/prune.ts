import { and, eq, inArray, sql } from "drizzle-orm";
import { transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { record } from "../audit/events.ts";
import { pruneTries } from "../identity/login_tries.ts";
import { pruneSessions } from "../identity/sessions.ts";
import { sweptSince } from "../lifecycle/held_back.ts";
import { forgetCleaned } from "../lifecycle/removed_dirty.ts";
import type { ReservationsDeps } from "./deps.ts";
import { pruneSeries } from "./series/prune.ts";

const MOST = 500;

/** Deletes what is over and no longer needed. @returns how many rows */
export async function prune(deps: ReservationsDeps): Promise<number> {
  const forgotten = [
    await forgetReservations(deps),
    await pruneSeries(deps),
    await forgetCleaned(deps),
    await pruneSessions(deps),
    await pruneTries(deps),
  ];
  return forgotten.reduce((sum, rows) => sum + rows);
}

/** Deletes reservations that ended more than `historyDays` ago, with their holds. */
async function forgetReservations(deps: ReservationsDeps): Promise<number> {
  return transact(deps.db, async (tx) => {
    const old = await tx
      .select({ id: reservations.id })
      .from(reservations)
      .where(
        and(
          sql`${reservations.endedAt} < UTC_TIMESTAMP(3) - INTERVAL ${deps.historyDays} DAY`,
          sql`NOT EXISTS (SELECT 1 FROM ${machines} WHERE ${eq(machines.reservationId, reservations.id)})`,
          // Its uid is held back until then.
          sql`${reservations.endedAt} < ${sweptSince}`,
        ),
      )
      .limit(MOST);
    const ids = old.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await tx.delete(holds).where(inArray(holds.reservationId, ids));
    await tx.delete(reservations).where(inArray(reservations.id, ids));
    await record(deps, tx, "reservations.pruned", "reservations", {
      count: ids.length,
      days: deps.historyDays,
    });
    return ids.length;
  });
}
