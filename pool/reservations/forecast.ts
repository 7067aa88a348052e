import { transact } from "../../db/client.ts";
import { PoolError } from "../errors.ts";
import type { ReservationsDeps } from "./deps.ts";
import { enforceLimits, type Way } from "./limits/enforce.ts";
import { checkStart, conflict } from "./schedule/book.ts";
import { foresee } from "./schedule/foresee.ts";
import { neverEnough } from "./schedule/never_enough.ts";
import { type Admitted, admit, type ReserveInput } from "./steps/admit.ts";

/** What would become of a request. */
export interface Outlook {
  /** how many machines of the pool it could have */
  matching: number;
  /** how many of them are free now for the whole duration */
  freeNow: number;
  /** null: never, or not as it is asked for */
  startsAt: Date | null;
  machines: string[];
  /** why it can't start now, or at the time that it asks for; null: it can */
  reason: string | null;
}

/** What a user's limits say of a request; undefined: nothing against it. */
async function limitOf(deps: ReservationsDeps, admitted: Admitted, way: Way): Promise<string | undefined> {
  try {
    await transact(deps.db, (tx) => enforceLimits(deps, tx, admitted, way));
  } catch (error) {
    if (error instanceof PoolError && error.kind === "limit_reached") return error.message;
    throw error;
  }
}

/**
 * Says what would become of a request, and changes nothing.
 * @throws PoolError as `admit`; invalid_request for a start that can't be booked
 */
export async function forecast(deps: ReservationsDeps, input: ReserveInput): Promise<Outlook> {
  const admitted = admit(deps, input);
  const { count, startsAt: asked } = admitted;
  const { now, matching, freeNow, place, names, missing } = await foresee(deps, admitted);
  if (asked) checkStart(deps, asked, now);
  const no = (reason: string) => ({ matching, freeNow, startsAt: null, machines: [], reason });
  if (!place && asked) return no((await conflict(deps, admitted)).message);
  if (!place)
    return no(neverEnough(`${count} requested, ${matching} match`, count, matching, missing).message);
  const isNow = place.startsAt <= now;
  const limit = await limitOf(deps, admitted, asked ? "booking" : isNow ? "at once" : "queue");
  if (limit) return no(limit);
  const reason = asked || isNow ? null : `${count} requested, ${freeNow} of ${matching} free`;
  return { matching, freeNow, startsAt: new Date(Math.max(now, place.startsAt)), machines: names, reason };
}
