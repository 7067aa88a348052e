import { PoolError } from "../errors.ts";
import type { ReservationsDeps } from "./deps.ts";
import { anybodyWaits } from "./schedule/lock.ts";
import { admit, type ReserveInput } from "./steps/admit.ts";
import { reserveAtOnce } from "./steps/at_once.ts";
import type { Granted } from "./steps/repeat.ts";
import { bookAhead, queueUp } from "./waiting/queue_up.ts";

/**
 * Reserves machines: at the time that the request asks for; else at once if they are free; else it waits for them as long
 * as the request allows.
 * @returns when the account works on all of them, or when its start is planned; its state tells which
 * @throws PoolError not_enough_machines, never_enough, machines_unreachable, username_taken, invalid_request, …
 */
export async function reserve(deps: ReservationsDeps, input: ReserveInput): Promise<Granted> {
  const admitted = admit(deps, input);
  if (admitted.startsAt) return bookAhead(deps, admitted);
  // Whoever comes while others wait joins the queue: the plan may still let them start at once.
  if (!(await anybodyWaits(deps)))
    try {
      return await reserveAtOnce(deps, admitted);
    } catch (error) {
      if (!(error instanceof PoolError && error.kind === "not_enough_machines")) throw error;
    }
  return queueUp(deps, admitted);
}
