import { and, eq } from "drizzle-orm";
import { matched } from "../../../db/client.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { type Principal, userSeenBy } from "../../identity/principal.ts";
import { AHEAD, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { madePassword } from "../steps/credential.ts";
import type { Granted } from "../steps/repeat.ts";
import { viewReservation } from "../view.ts";
import { watch } from "./watch.ts";

/**
 * A reservation as whoever asked for it sees it: once it is active, with the password that was made for it, one time.
 * @throws PoolError reservation_not_found
 */
export async function collect(deps: ReservationsDeps, id: string, principal: Principal): Promise<Granted> {
  const view = await viewReservation(deps, id, userSeenBy(principal));
  if (view.state !== RESERVATION.active || principal.role === "viewer") return view;
  const [row] = await deps.db.select().from(reservations).where(eq(reservations.id, id));
  if (!row || row.passwordTold || row.userId !== principal.userId) return view;
  const key = deps.keys.get(row.keyId);
  // Its SECRET_KEY is gone: the password can't be made a second time.
  if (key === undefined) return view;
  const first = matched(
    await deps.db
      .update(reservations)
      .set({ passwordTold: true })
      .where(and(eq(reservations.id, id), eq(reservations.passwordTold, false))),
  );
  return first > 0 ? { ...view, password: madePassword(key, id) } : view;
}

/** The same; but the password isn't told to somebody who is gone. */
const collectFor = (
  deps: ReservationsDeps,
  id: string,
  principal: Principal,
  signal?: AbortSignal,
): Promise<Granted> =>
  signal?.aborted ? viewReservation(deps, id, userSeenBy(principal)) : collect(deps, id, principal);

/**
 * The same when its state changes (but not when its accounts are only being made), or after so many seconds.
 * @param signal whoever asked is gone
 */
export async function collectLater(
  deps: ReservationsDeps,
  id: string,
  principal: Principal,
  seconds: number,
  signal?: AbortSignal,
): Promise<Granted> {
  const first = await collectFor(deps, id, principal, signal);
  // It started before anybody asked: there is nothing to wait for.
  if (seconds === 0 || first.password !== undefined) return first;
  // In preparation it has no password yet, and will be active or not in a moment.
  const isNews = (seen: string | undefined) => seen !== first.state && seen !== RESERVATION.preparing;
  await watch(deps, id, isNews, seconds * 1000, signal);
  return collectFor(deps, id, principal, signal);
}

/** The same when it has started, or can't any more. */
export async function collectStarted(
  deps: ReservationsDeps,
  id: string,
  principal: Principal,
  seconds: number,
  signal?: AbortSignal,
): Promise<Granted> {
  const waits = [...AHEAD, RESERVATION.preparing];
  await watch(deps, id, (seen) => seen === undefined || !waits.includes(seen), seconds * 1000, signal);
  return collectFor(deps, id, principal, signal);
}
