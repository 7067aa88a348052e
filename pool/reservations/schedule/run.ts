import { and, eq } from "drizzle-orm";
import { transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { FAULT_WORDS } from "../../accounts/fault_words.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { isUnavailable } from "../../database.ts";
import { inWords } from "../../errors.ts";
import { clean, takeForCleaning } from "../../lifecycle/clean.ts";
import { machineMay } from "../../lifecycle/states.ts";
import { waitAgain } from "../../lifecycle/wait_again.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "../steps/allocate.ts";
import { confirm } from "../steps/confirm.ts";
import { isOfRequest, prepare } from "../steps/prepare.ts";
import { undo } from "../steps/undo.ts";

/** Before it is tried again: a machine that can be cleaned, but not prepared, would keep us busy. */
const PAUSE_SECONDS = 10;

/** Its machines are cleaned, and it goes back to its place in the queue; unless another worker has taken it over. */
async function requeue(deps: ReservationsDeps, id: string, reason: string): Promise<void> {
  const ours = and(eq(machines.reservationId, id), eq(machines.leaseWorker, deps.worker));
  const mine = await transact(deps.db, async (tx) => {
    const held = and(ours, machineMay("abandon"));
    if ((await tx.select({ id: machines.id }).from(machines).where(held).for("update")).length === 0)
      return [];
    // If it doesn't wait again, it was released in the meantime; its machines are still ours to clean.
    await waitAgain(deps, tx, id, reason, PAUSE_SECONDS);
    return takeForCleaning(deps, tx, id, ["abandon"]);
  });
  await Promise.all(mine.map((machine) => clean(deps, machine)));
}

/** The same while the database is gone: its machines must not wait until our leases run out. */
async function requeueLater(deps: ReservationsDeps, id: string, reason: string): Promise<void> {
  for (;;) {
    await new Promise((go) => setTimeout(go, 1000 + Math.random() * 1000).unref());
    try {
      return await requeue(deps, id, reason);
    } catch (error) {
      // `recover` finishes the rest after the lease runs out.
      if (!isUnavailable(error))
        return deps.log("error", "a reservation could not wait again", { reservation: id });
    }
  }
}

/** Another try gets another uid. */
const isRefused = (error: unknown): error is MachineFault =>
  isOfRequest(error) && (error as MachineFault).kind !== "uid_taken";

/**
 * Makes the accounts of a reservation whose turn has come, and confirms it. When that fails for no fault of the request,
 * it waits again; whatever fails here is finished by `recover` once our leases run out.
 */
export async function run(deps: ReservationsDeps, allocated: Allocated): Promise<void> {
  const { id } = allocated;
  try {
    await confirm(deps, await prepare(deps, allocated));
    deps.log("info", "reservation started", { reservation: id });
  } catch (error) {
    const words = error instanceof MachineFault ? FAULT_WORDS[error.kind] : inWords(error);
    deps.log("warn", "a reservation could not be prepared", { reservation: id, reason: words });
    const gone = isUnavailable(error);
    if (isRefused(error)) await undo(deps, id, error, false, gone);
    else await (gone ? requeueLater : requeue)(deps, id, words);
  }
}
