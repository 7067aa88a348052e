import { eq } from "drizzle-orm";
import { violates } from "../../../db/errors.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { PoolError } from "../../errors.ts";
import { AHEAD, OVER, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { type ReservationView, viewReservation } from "../view.ts";
import type { Admitted } from "./admit.ts";
import { madePassword } from "./credential.ts";

export interface Granted extends ReservationView {
  /** only if it was generated */
  password?: string;
}

/** How long a repeated request waits for the first one to finish, and how often it checks. */
const WAIT_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/** After a COMMIT whose answer was lost: the id of a reservation, if it was made. */
export async function madeId({ db }: Pick<ReservationsDeps, "db">, id: string): Promise<string | undefined> {
  const [row] = await db.select({ id: reservations.id }).from(reservations).where(eq(reservations.id, id));
  return row?.id;
}

/** Makes a reservation. @returns undefined when another request with the same Idempotency-Key was first */
export async function unlessRepeated<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (violates(error, "reservations_idempotency")) return undefined;
    throw error;
  }
}

/**
 * What an earlier request with the same Idempotency-Key got; waits while that one is in progress. A failed request frees
 * its key.
 * @returns undefined when there was none: this is the first
 * @throws PoolError idempotency_key_reused when the requests differ; reservation_over; still_preparing
 */
export async function findRepeat(deps: ReservationsDeps, admitted: Admitted): Promise<Granted | undefined> {
  const { idempotencyKey, credential } = admitted;
  if (idempotencyKey === null) return undefined;
  const deadline = performance.now() + WAIT_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause)) {
    const [row] = await deps.db
      .select()
      .from(reservations)
      .where(eq(reservations.idempotencyKey, idempotencyKey));
    if (!row) return undefined;
    // If SECRET_KEY has changed since, the hash can't be compared and the password can't be derived: the key alone decides.
    const secret = deps.keys.get(row.keyId);
    if (secret !== undefined && row.requestHash !== null && row.requestHash !== admitted.hash(secret))
      throw new PoolError(
        "idempotency_key_reused",
        "This Idempotency-Key was used for a different request; use a new one",
      );
    if (OVER.includes(row.state))
      throw new PoolError(
        "reservation_over",
        `The reservation made with this Idempotency-Key is over (${row.state}); use a new key to make another`,
        [
          { field: "id", message: row.id },
          { field: "state", message: row.state },
          // Not `ends_at`: it may have been released long before.
          ...(row.endedAt ? [{ field: "ended_at", message: row.endedAt.toISOString() }] : []),
        ],
      );
    const waits = AHEAD.includes(row.state);
    // One that may not wait is in the queue only until it has been planned.
    const mayWait = admitted.waitMinutes > 0 || admitted.startsAt !== null;
    const isSettled = waits ? mayWait : row.state !== RESERVATION.preparing;
    if (isSettled) {
      const view = await viewReservation(deps, row.id);
      return secret && !credential && !waits ? { ...view, password: madePassword(secret, row.id) } : view;
    }
    if (performance.now() > deadline)
      throw new PoolError(
        "still_preparing",
        "The first request with this Idempotency-Key is still in progress; try again",
      );
    await new Promise((go) => setTimeout(go, pause));
  }
}
