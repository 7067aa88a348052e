import { heldFor, type Past, type PastHold, startOf, usedFor } from "./held.ts";
import { percentileOf } from "./percentile.ts";
import { overlap, type Range } from "./range.ts";

/** What is measured of a user, of machines with a label, of a day, or of everything. */
export interface Measures {
  /** in which users could use machines, and in which nobody else could have them */
  machineHours: number;
  heldHours: number;
  /** reservations that started, and those of the requests in that time that failed */
  reservations: number;
  failed: number;
  /** from the request to the first account, in seconds, of all but bookings; null: none started */
  waitMedian: number | null;
  waitP95: number | null;
  /** accounts that were removed, and how long that took, in seconds */
  removals: number;
  removalMedian: number | null;
  removalP95: number | null;
}

const HOUR = 3_600_000;
/** In a third of a second nothing happens that somebody is charged for. */
export const hoursOf = (ms: number): number => Math.round((ms / HOUR) * 10_000) / 10_000;
const secondsOf = (ms: number | null) => (ms === null ? null : Math.round(ms) / 1000);
const isIn = (at: number | null | undefined, { from, to }: Range): at is number =>
  at !== null && at !== undefined && at >= from && at < to;

/** Adds up what lies in a range. */
export class Measure {
  #used = 0;
  #held = 0;
  #failed = 0;
  #started = 0;
  readonly #waits: number[] = [];
  readonly #removals: number[] = [];
  readonly #range: Range;
  readonly #now: number;

  constructor(range: Range, now: number) {
    [this.#range, this.#now] = [range, now];
  }

  /** @param its those of its holds that count here */
  add(past: Past, its: PastHold[]): void {
    for (const hold of its) {
      const used = usedFor(hold, past, this.#now);
      if (used) this.#used += overlap(used, this.#range);
      this.#held += overlap(heldFor(hold, this.#now), this.#range);
      const { confirmedAt, endingAt, releasedAt } = hold;
      if (confirmedAt !== null && endingAt !== null && isIn(releasedAt, this.#range))
        this.#removals.push(releasedAt - endingAt);
    }
    const start = startOf(past);
    if (isIn(start, this.#range)) {
      this.#started++;
      if (!past.isBooking) this.#waits.push(start - past.createdAt);
    }
    if (past.hasFailed && isIn(past.createdAt, this.#range)) this.#failed++;
  }

  get result(): Measures {
    return {
      machineHours: hoursOf(this.#used),
      heldHours: hoursOf(this.#held),
      reservations: this.#started,
      failed: this.#failed,
      waitMedian: secondsOf(percentileOf(this.#waits, 0.5)),
      waitP95: secondsOf(percentileOf(this.#waits, 0.95)),
      removals: this.#removals.length,
      removalMedian: secondsOf(percentileOf(this.#removals, 0.5)),
      removalP95: secondsOf(percentileOf(this.#removals, 0.95)),
    };
  }
}
