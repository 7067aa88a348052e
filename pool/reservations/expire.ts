import { and, asc, eq, sql } from "drizzle-orm";
import { reservations } from "../../db/schema/reservations.ts";
import { clean } from "../lifecycle/clean.ts";
import { RESERVATION } from "../lifecycle/states.ts";
import type { ReservationsDeps } from "./deps.ts";
import { beginRelease } from "./release.ts";

/** How many to end in one round; the next round follows in seconds. */
const MOST = 500;

/** Ends every reservation whose time is up, by the database's clock. @returns how many it ended */
export async function expire(deps: ReservationsDeps): Promise<number> {
  const due = await deps.db
    .select({ id: reservations.id })
    .from(reservations)
    .where(
      and(
        eq(reservations.state, RESERVATION.active),
        sql`${reservations.endsAt} <= UTC_TIMESTAMP(3)`,
        // It is being extended, and will be over or extended in a moment; but it may not last longer than that.
        sql`(${reservations.extendLease} IS NULL OR ${reservations.extendLease} <= UTC_TIMESTAMP(3) OR ${reservations.extendTo} <= UTC_TIMESTAMP(3))`,
      ),
    )
    .orderBy(asc(reservations.endsAt))
    .limit(MOST);
  const all = await Promise.allSettled(
    due.map(async ({ id }) => {
      const machines = await beginRelease(deps, id);
      await Promise.all(machines.map((machine) => clean(deps, machine)));
      deps.log("info", "reservation expired", { reservation: id, machines: machines.map((m) => m.name) });
    }),
  );
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return due.length;
}
