import { events } from "../db/schema.ts";
import type { PoolDeps } from "./deps.ts";
import { eventOf } from "./events.ts";

/** Of one process: whoever is refused over and over must not fill the disk with it. */
const MOST_A_MINUTE = 30;
const MINUTE_MS = 60_000;

let since = Number.NEGATIVE_INFINITY;
let written = 0;
let dropped = 0;

/**
 * Records that a request was refused, in the name of `deps.actor`. Of more than 30 a minute only their number is, with
 * the next one that is recorded.
 * @param what method and path, never the query
 * @param clock milliseconds, of a clock that only goes forward
 */
export async function recordRefusal(
  deps: PoolDeps,
  what: string,
  details: { status: number; code: string },
  clock = performance.now(),
): Promise<void> {
  if (clock - since >= MINUTE_MS) {
    since = clock;
    written = 0;
  }
  if (written++ >= MOST_A_MINUTE) {
    dropped++;
    return;
  }
  const unrecorded = dropped > 0 ? { refused_before: dropped } : {};
  dropped = 0;
  await deps.db
    .insert(events)
    .values(eventOf(deps, "request.refused", what.slice(0, 140), { ...details, ...unrecorded }));
}
