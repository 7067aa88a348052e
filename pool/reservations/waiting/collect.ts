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

/** Notes that whoever asked for a reservation is told that it has started. @returns whether they had not been told before */
async function tellStart(deps: ReservationsDeps, id: string): Promise<boolean> {
  const isUntold = and(eq(reservations.id, id), eq(reservations.startTold, false));
  return matched(await deps.db.update(reservations).set({ startTold: true }).where(isUntold)) > 0;
}

interface Collected {
  granted: Granted;
  /** it has started, and who asked for it is told so for the first time */
  isStart: boolean;
}

async function look(
  deps: ReservationsDeps,
  id: string,
  principal: Principal,
  signal?: AbortSignal,
): Promise<Collected> {
  const view = await viewReservation(deps, id, userSeenBy(principal));
  const seen = { granted: view, isStart: false };
  // Nothing is told to somebody who is gone.
  if (view.state !== RESERVATION.active || principal.role === "viewer" || signal?.aborted) return seen;
  const [row] = await deps.db.select().from(reservations).where(eq(reservations.id, id));
  if (!row || row.startTold || row.userId !== principal.userId) return seen;
  const key = await deps.keys.find(row.keyId);
  if (!(await tellStart(deps, id))) return seen;
  // Without its SECRET_KEY, the password can't be made a second time.
  const password = row.passwordMade && key !== undefined ? { password: madePassword(key, id) } : {};
  return { granted: { ...view, ...password }, isStart: true };
}

/**
 * A reservation as whoever asked for it sees it: once it is active, with the password that was made for it, one time.
 * @param signal whoever asked is gone
 * @throws PoolError reservation_not_found
 */
export const collect = async (
  deps: ReservationsDeps,
  id: string,
  principal: Principal,
  signal?: AbortSignal,
): Promise<Granted> => (await look(deps, id, principal, signal)).granted;

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
  const { granted, isStart } = await look(deps, id, principal, signal);
  // It started before anybody asked: there is nothing to wait for.
  if (seconds === 0 || isStart) return granted;
  // In preparation it has no password yet, and will be active or not in a moment.
  const isNews = (seen: string | undefined) => seen !== granted.state && seen !== RESERVATION.preparing;
  await watch(deps, id, isNews, seconds * 1000, signal);
  return collect(deps, id, principal, signal);
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
  return collect(deps, id, principal, signal);
}
