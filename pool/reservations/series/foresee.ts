import type { Tx } from "../../../db/client.ts";
import { recordNothing } from "../../audit/events.ts";
import { localTime } from "../../planning/recurrence.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceNumber } from "../limits/enforce.ts";
import { untilPinned } from "../schedule/book.ts";
import { withPlan } from "../schedule/lock.ts";
import { readClock } from "../schedule/world.ts";
import { admitSeries, type SeriesInput, timesOf } from "./create.ts";
import { bookOccurrences, isoOf, type Outcome } from "./occurrences.ts";
import type { Clock } from "./recall.ts";

/** What would become of a series. */
export interface SeriesForecast {
  /** how many machines of the pool it could have */
  matching: number;
  /** what would be booked */
  occurrences: { starts_at: string; local_time: string }[];
  /** what could not */
  conflicts: { starts_at: string; local_time: string; reason: string; nearest: string[] }[];
}

/** Ends a transaction without a trace. */
class Undone extends Error {}

/**
 * Says what would become of a series, and changes nothing: its occurrences are booked, and that is undone.
 * @throws PoolError limit_reached, invalid_request
 */
export async function foreseeSeries(
  deps: ReservationsDeps,
  input: SeriesInput,
  clock: Clock = readClock,
): Promise<SeriesForecast> {
  const admitted = { ...admitSeries(deps, input), idempotencyKey: null };
  const { times } = timesOf(deps, input, await clock(deps.db));
  let seen: Outcome = { matching: 0, missing: [], booked: [], conflicts: [] };
  const work = async (tx: Tx) => {
    recordNothing(tx);
    await enforceNumber(deps, tx, admitted, "booking", times.length);
    seen = await bookOccurrences(deps, tx, crypto.randomUUID(), admitted, times, await clock(tx));
    throw new Undone();
  };
  try {
    await untilPinned(() => withPlan(deps, work));
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  const when = (at: number) => ({ starts_at: isoOf(at), local_time: localTime(at, input.timeZone) });
  return {
    matching: seen.matching,
    occurrences: seen.booked.map(when),
    conflicts: seen.conflicts.map(({ at, reason, nearest }) => ({
      ...when(at),
      reason,
      nearest: nearest.map(isoOf),
    })),
  };
}
