import type { ReservationsDeps } from "./deps.ts";
import { foresee } from "./schedule/foresee.ts";
import { admit, type ReserveInput } from "./steps/admit.ts";

/** What would become of a request. */
export interface Outlook {
  /** how many machines of the pool it could have */
  matching: number;
  /** how many of them are free now for the whole duration */
  freeNow: number;
  /** null: never */
  startsAt: Date | null;
  machines: string[];
  /** why it can't start now; null: it can */
  reason: string | null;
}

/**
 * Says what would become of a request, and changes nothing.
 * @throws PoolError as `admit`
 */
export async function forecast(deps: ReservationsDeps, input: ReserveInput): Promise<Outlook> {
  const { count } = input;
  const { now, matching, freeNow, place, names } = await foresee(deps, admit(deps, input));
  const reason = !place
    ? `${count} requested, ${matching} match`
    : place.startsAt > now
      ? `${count} requested, ${freeNow} of ${matching} free`
      : null;
  const startsAt = place && new Date(Math.max(now, place.startsAt));
  return { matching, freeNow, startsAt, machines: names, reason };
}
