import type { ReservationsDeps } from "./deps.ts";
import { checkStart } from "./schedule/book.ts";
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
  /** why it can't start now, or at the time that it asks for; null: it can */
  reason: string | null;
}

/**
 * Says what would become of a request, and changes nothing.
 * @throws PoolError as `admit`; invalid_request for a start that can't be booked
 */
export async function forecast(deps: ReservationsDeps, input: ReserveInput): Promise<Outlook> {
  const admitted = admit(deps, input);
  const { count, startsAt: asked } = admitted;
  const { now, matching, freeNow, place, names } = await foresee(deps, admitted);
  if (asked) checkStart(deps, asked, now);
  const reason = !place
    ? `${count} requested, ${matching} match${asked && matching >= count ? ", but not enough are free at that time" : ""}`
    : asked || place.startsAt <= now
      ? null
      : `${count} requested, ${freeNow} of ${matching} free`;
  const startsAt = place && new Date(Math.max(now, place.startsAt));
  return { matching, freeNow, startsAt, machines: names, reason };
}
