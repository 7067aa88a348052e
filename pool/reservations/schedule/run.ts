import { transact } from "../../../db/client.ts";
import { FAULT_WORDS } from "../../accounts/fault_words.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { isUnavailable } from "../../database.ts";
import { inWords } from "../../errors.ts";
import { clean, takeForCleaning } from "../../lifecycle/clean.ts";
import { waitAgain } from "../../lifecycle/wait_again.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "../steps/allocate.ts";
import { confirm } from "../steps/confirm.ts";
import { isOfRequest, prepare } from "../steps/prepare.ts";
import { undo } from "../steps/undo.ts";

/** Before it is tried again: a machine that can be cleaned, but not prepared, would keep us busy. */
const PAUSE_SECONDS = 10;

/** Its machines are cleaned, and it goes back to its place in the queue. */
async function requeue(deps: ReservationsDeps, id: string, reason: string): Promise<void> {
  const mine = await transact(deps.db, async (tx) => {
    // If it doesn't wait again, it was released in the meantime; its machines are still ours to clean.
    await waitAgain(deps, tx, id, reason, PAUSE_SECONDS);
    return takeForCleaning(deps, tx, id, ["abandon"]);
  });
  await Promise.all(mine.map((machine) => clean(deps, machine)));
}

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
    if (isOfRequest(error)) await undo(deps, id, error as MachineFault, false, gone);
    else if (!gone) await requeue(deps, id, words);
  }
}
