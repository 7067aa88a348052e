import { inArray } from "drizzle-orm";
import { type ReservationState, reservations } from "../../../db/schema/reservations.ts";
import type { ReservationsDeps, Watcher } from "../deps.ts";

/** One question to the database for all who wait in this process. */
const EVERY_MS = 250;

async function lookAround(deps: ReservationsDeps): Promise<void> {
  const { watchers } = deps;
  const ids = [...new Set([...watchers.watching].map(({ id }) => id))];
  try {
    const rows = await deps.db
      .select({ id: reservations.id, state: reservations.state })
      .from(reservations)
      .where(inArray(reservations.id, ids));
    const states = new Map(rows.map(({ id, state }) => [id, state]));
    for (const watcher of watchers.watching)
      if (ids.includes(watcher.id)) watcher.look(states.get(watcher.id));
  } catch {
    // The database is away: the next look may find it back.
  }
  watchers.timer = undefined;
  if (watchers.watching.size > 0) lookAgain(deps);
}

function lookAgain(deps: ReservationsDeps): void {
  deps.watchers.timer ??= setTimeout(() => void lookAround(deps), EVERY_MS);
}

/**
 * Waits until a reservation's state is one that is waited for, at most so many milliseconds.
 * @param signal stops the wait, too: whoever asked is gone
 */
export function watch(
  deps: ReservationsDeps,
  id: string,
  isReached: (state: ReservationState | undefined) => boolean,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const { watching } = deps.watchers;
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      watching.delete(watcher);
      resolve();
    };
    const watcher: Watcher = { id, look: (state) => void (isReached(state) && end()) };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) return end();
    watching.add(watcher);
    lookAgain(deps);
  });
}
