import { DatabaseUnavailable } from "../../../db/errors.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { isUnavailable } from "../../database.ts";
import { PoolError } from "../../errors.ts";
import type { ReservationsDeps } from "../deps.ts";
import { viewReservation } from "../view.ts";
import type { Admitted } from "./admit.ts";
import { type Allocated, allocate } from "./allocate.ts";
import { confirm } from "./confirm.ts";
import { madePassword } from "./credential.ts";
import { explain, outcomeUnknown } from "./explain.ts";
import { prepare } from "./prepare.ts";
import { findRepeat, type Granted } from "./repeat.ts";
import { leapPast } from "./uid.ts";
import { undo } from "./undo.ts";

/** How many uids to try: a machine may refuse one that it has seen before (the database was restored from a dump). */
const MOST_UIDS = 4;

/**
 * Reserves machines that are free now: allocates them, prepares the accounts on them, confirms. All or none.
 * @returns when the account works on all of them
 * @throws PoolError not_enough_machines, machines_unreachable, username_taken, account_refused, …
 */
export async function reserveAtOnce(deps: ReservationsDeps, admitted: Admitted): Promise<Granted> {
  let above = 0;
  const refused = new Set<string>();
  for (let tries = 0; ; ) {
    const before = await findRepeat(deps, admitted);
    if (before) return before;
    const allocated = await allocate(deps, admitted, above);
    if (!allocated) continue;
    let confirmed = false;
    try {
      await confirm(deps, await prepare(deps, allocated, refused));
      confirmed = true;
      return await granted(deps, admitted, allocated);
    } catch (error) {
      await undoAfter(deps, admitted, allocated, error);
      if (error instanceof MachineFault && error.kind === "uid_taken" && ++tries < MOST_UIDS) {
        above = leapPast(deps, Math.max(above, error.highestUid), tries - 1);
        continue;
      }
      const doubt = confirmed || (error instanceof DatabaseUnavailable && error.doubt);
      throw isUnavailable(error) && doubt ? outcomeUnknown(admitted) : explain(admitted, error);
    }
  }
}

async function granted(deps: ReservationsDeps, admitted: Admitted, { id }: Allocated): Promise<Granted> {
  const view = await viewReservation(deps, id);
  return admitted.credential ? view : { ...view, password: madePassword(deps.keys.get(null) as string, id) };
}

/** Also when only reading back the confirmed reservation failed: the caller never learnt of it, so nobody would use it. */
async function undoAfter(
  deps: ReservationsDeps,
  { idempotencyKey }: Admitted,
  { id }: Allocated,
  error: unknown,
): Promise<void> {
  const gone = isUnavailable(error);
  const why = error instanceof MachineFault ? error : error instanceof PoolError ? error.message : "internal";
  // With a key, the client can ask again for the result, so a confirmation that was committed stays.
  await undo(deps, id, gone ? "database" : why, !idempotencyKey, gone);
}
