import { eq, inArray } from "drizzle-orm";
import { type Tx, transact } from "../../../db/client.ts";
import { DatabaseUnavailable } from "../../../db/errors.ts";
import { type ReservationState, reservations } from "../../../db/schema/reservations.ts";
import { settings } from "../../../db/schema/settings.ts";
import { AHEAD, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

const PLAN = "plan";

/** Locks the row that whoever changes the calendar locks first: one at a time, in all processes. */
async function lockPlan(tx: Tx): Promise<void> {
  const its = eq(settings.name, PLAN);
  const [row] = await tx.select().from(settings).where(its).for("update");
  if (row) return;
  await tx.insert(settings).ignore().values({ name: PLAN, value: "" });
  await tx.select().from(settings).where(its).for("update");
}

/** How long something may wait for its turn in this process, as long as those before it get on. */
const TURN_MS = 10_000;

/**
 * A transaction that changes the calendar.
 * @param readBack as for `transact`
 * @throws DatabaseUnavailable, also when its turn comes too late
 */
export function withPlan<T>(
  deps: Pick<ReservationsDeps, "db" | "planTurns">,
  work: (tx: Tx) => Promise<T>,
  readBack?: () => Promise<T | undefined>,
): Promise<T> {
  const asked = performance.now();
  return deps.planTurns(() => {
    if (performance.now() - asked > TURN_MS) throw new DatabaseUnavailable(new Error("no turn in time"));
    const locked = async (tx: Tx) => {
      await lockPlan(tx);
      return work(tx);
    };
    return transact(deps.db, locked, readBack);
  });
}

async function any(
  { db }: Pick<ReservationsDeps, "db">,
  states: readonly ReservationState[],
): Promise<boolean> {
  const rows = await db
    .select({ id: reservations.id })
    .from(reservations)
    .where(inArray(reservations.state, [...states]))
    .limit(1);
  return rows.length > 0;
}

/** Whether any reservation waits in the queue: one look at an index. */
export const anybodyWaits = (deps: Pick<ReservationsDeps, "db">) => any(deps, [RESERVATION.queued]);
/** Whether there is anything to plan: a queue, or bookings. */
export const anythingAhead = (deps: Pick<ReservationsDeps, "db">) => any(deps, AHEAD);
