import { and, eq, lte, or } from "drizzle-orm";
import { inSeconds, now } from "../../../db/client.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { actingAs, SCHEDULER } from "../../audit/deps.ts";
import { inWords } from "../../errors.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "../steps/allocate.ts";
import { anythingAhead } from "./lock.ts";
import { replan } from "./replan.ts";
import { run } from "./run.ts";
import { LEAD } from "./world.ts";

/** How often a plan is made again at once because something changed while it was made. */
const MOST_ROUNDS = 5;

/** Never rejects: nobody awaits it, and an unhandled rejection ends the process. */
async function runAndPlan(deps: ReservationsDeps, allocated: Allocated): Promise<void> {
  try {
    await run(deps, allocated);
  } catch (error) {
    // Such as the database that goes away while its machines are cleaned.
    const reason = inWords(error);
    deps.log("error", "a reservation is left to be recovered", { reservation: allocated.id, reason });
  }
  planSoon(deps);
}

async function planAndRun(deps: ReservationsDeps): Promise<void> {
  if (!(await anythingAhead(deps))) return;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { started, again } = await replan(deps);
    // Not awaited: making accounts takes longer than the next plan may wait.
    for (const allocated of started) void runAndPlan(deps, allocated);
    if (!again && started.length === 0) return;
  }
}

/**
 * Plans the queue and starts what is due. What it does is the scheduler's doing: it acts for all who wait.
 * @returns when a plan is made that began after the call
 * @throws PoolError no_uid_free
 */
export const planNow = (deps: ReservationsDeps): Promise<void> =>
  deps.planning(() => planAndRun(actingAs(deps, SCHEDULER)));

/** Plans when the time of somebody who waits has come, or is over. @returns how many there were */
export async function planDue(deps: ReservationsDeps): Promise<number> {
  const due = await deps.db.$count(
    reservations,
    or(
      and(
        eq(reservations.state, RESERVATION.queued),
        or(lte(reservations.startsAt, now), lte(reservations.waitUntil, now)),
      ),
      and(eq(reservations.state, RESERVATION.booked), lte(reservations.startsAt, inSeconds(LEAD / 1000))),
    ),
  );
  if (due > 0) await planNow(deps);
  return due;
}

/** The same in the background; the scheduler tries again what fails. */
export function planSoon(deps: ReservationsDeps): void {
  planNow(deps).catch((error) =>
    deps.log("warn", "the queue could not be planned", { reason: inWords(error) }),
  );
}

/** Plans whenever a machine may have become free in this process. */
export function planOnChange(deps: ReservationsDeps): void {
  deps.changes.addEventListener("change", () => planSoon(deps));
}
