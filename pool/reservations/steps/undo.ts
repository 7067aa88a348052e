import { and, eq, or } from "drizzle-orm";
import { matched, transact } from "../../../db/client.ts";
import { DatabaseUnavailable, troubleOf } from "../../../db/errors.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { record } from "../../audit/events.ts";
import { clean, takeForCleaning } from "../../lifecycle/clean.ts";
import { reservationMay, reservationMoves } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

/**
 * Undoes a reservation that could not be prepared: its machines are cleaned, and those that answer are on offer again
 * when this returns. While the database is gone, it returns at once and keeps trying in the background.
 * @param reason for its row; without secrets. A machine's fault is stored with its text and its kind
 * @param confirmed even if its confirmation was committed after all: the caller got a failure
 * @param gone the database has just failed: the client has waited long enough
 */
export async function undo(
  deps: ReservationsDeps,
  id: string,
  reason: string | MachineFault,
  confirmed: boolean,
  gone: boolean,
): Promise<void> {
  if (gone) return void undoLater(deps, id, reason, confirmed);
  try {
    await undoNow(deps, id, reason, confirmed);
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable) && troubleOf(error) !== "gone") throw error;
    void undoLater(deps, id, reason, confirmed);
  }
}

async function undoLater(
  deps: ReservationsDeps,
  id: string,
  reason: string | MachineFault,
  confirmed: boolean,
): Promise<void> {
  for (;;) {
    await new Promise((go) => setTimeout(go, 1000 + Math.random() * 1000).unref());
    try {
      return await undoNow(deps, id, reason, confirmed);
    } catch (error) {
      if (troubleOf(error) === "other") {
        // `recover` finishes the rest after the lease runs out.
        return deps.log("error", "a failed reservation could not be undone", { reservation: id });
      }
    }
  }
}

async function undoNow(
  deps: ReservationsDeps,
  id: string,
  reason: string | MachineFault,
  confirmed: boolean,
): Promise<void> {
  const fault = reason instanceof MachineFault ? reason.kind : null;
  const words = (reason instanceof MachineFault ? reason.message : reason).slice(0, 500);
  const mine = await transact(deps.db, async (tx) => {
    const undone = await tx
      .update(reservations)
      .set({
        ...reservationMoves("fail"),
        reason: words,
        fault,
        idempotencyKey: null,
        credential: null,
      })
      .where(
        and(
          eq(reservations.id, id),
          or(reservationMay("fail"), confirmed ? reservationMay("disown") : undefined),
        ),
      );
    if (matched(undone) > 0) await record(deps, tx, "reservation.failed", id, { reason: words, fault });
    return takeForCleaning(deps, tx, id, confirmed ? ["abandon", "release"] : ["abandon"]);
  });
  await Promise.all(mine.map((machine) => clean(deps, machine)));
}
