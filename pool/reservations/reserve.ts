import { PoolError } from "../errors.ts";
import type { ReservationsDeps } from "./deps.ts";
import { anybodyWaits } from "./schedule/lock.ts";
import { type Admitted, admit, type ReserveInput } from "./steps/admit.ts";
import { reserveAtOnce } from "./steps/at_once.ts";
import type { Granted } from "./steps/repeat.ts";
import { isComing } from "./view.ts";
import { collectStarted } from "./waiting/collect.ts";
import { bookAhead, outcome, queueUp } from "./waiting/queue_up.ts";

/**
 * Reserves machines: at the time that the request asks for; else at once if they are free; else it waits for them as long
 * as the request allows.
 * @returns when the account works on all of them, or when its start is planned; its state tells which
 * @throws PoolError not_enough_machines, never_enough, machines_unreachable, username_taken, invalid_request, …
 */
export const reserve = async (deps: ReservationsDeps, input: ReserveInput): Promise<Granted> =>
  serve(deps, admit(deps, input));

async function serve(deps: ReservationsDeps, admitted: Admitted): Promise<Granted> {
  const asked = performance.now();
  if (admitted.startsAt) return bookAhead(deps, admitted);
  // Whoever comes while others wait joins the queue: the plan may still let them start at once.
  if (!(await anybodyWaits(deps)))
    try {
      return await reserveAtOnce(deps, admitted);
    } catch (error) {
      if (!(error instanceof PoolError && error.kind === "not_enough_machines")) throw error;
    }
  return queueUp(deps, admitted, asked);
}

/**
 * The same, and waits with it for its start. Responds after about so many seconds in all: the proxy gives up some time later.
 * @param signal whoever asked is gone
 */
export async function reserveAndHold(
  deps: ReservationsDeps,
  input: ReserveInput,
  seconds: number,
  signal?: AbortSignal,
): Promise<Granted> {
  const admitted = admit(deps, input);
  const asked = performance.now();
  const first = await serve(deps, admitted);
  // One that is booked for later won't start sooner.
  const isLater = admitted.startsAt !== null && admitted.startsAt.getTime() > Date.now() + seconds * 1000;
  if (!isComing(first) || isLater) return first;
  const left = Math.max(0, seconds - (performance.now() - asked) / 1000);
  return outcome(admitted, await collectStarted(deps, first.id, admitted.principal, left, signal));
}
