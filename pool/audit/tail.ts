// Which events a reader of the table has seen. Their numbers are given out before their transactions commit, so an event may
// appear after others with higher numbers: a reader that asked only for higher ones would never see it.

/**
 * How long it takes at most until a number that was given out is committed, or never will be, in ms: a statement may take
 * 3 s and a pause between two 10 s (db/client.ts).
 */
export const LATEST_MS = 60_000;
/** After a jump (a server that was restarted, say) only so many of the numbers left out can still come. */
const MOST_MISSING = 10_000;
/** How many a cursor names: it has to fit a header. */
const MOST_NAMED = 200;

/** Up to where somebody has seen the events: all numbers to `max` but these. */
export interface Seen {
  max: number;
  missing: number[];
}

export class Tail {
  #max: number;
  /** numbers below `max` that may still come, in order, and since when they are known to be missing */
  readonly #missing = new Map<number, number>();

  /** @param at ms, by any clock that goes on */
  constructor({ max, missing }: Seen, at: number) {
    this.#max = max;
    for (const id of missing) this.#missing.set(id, at);
  }

  /** What to ask the database for: what is above `max`, and these. */
  get seen(): Seen {
    return { max: this.#max, missing: [...this.#missing.keys()] };
  }

  /**
   * Notes what the database has. A process may stand still before it reads the answer: what comes after the question is
   * seen by the next one.
   * @param asked when it was asked for that
   * @returns the numbers that were not seen before, in order
   */
  take(ids: number[], asked: number, answered = asked): number[] {
    const fresh = ids.filter((id) => id > this.#max || this.#missing.has(id)).sort((a, b) => a - b);
    for (const id of fresh) {
      this.#missing.delete(id);
      for (let n = Math.max(this.#max + 1, id - MOST_MISSING); n < id; n++) this.#missing.set(n, answered);
      this.#max = Math.max(this.#max, id);
    }
    for (const [id, since] of this.#missing) if (asked - since > LATEST_MS) this.#missing.delete(id);
    return fresh;
  }
}

/** Where to go on, as a word: `105`, or `105-101.103` without those. */
export function cursorOf({ max, missing }: Seen): string {
  if (missing.length === 0) return `${max}`;
  // Too many to name: some events are seen twice rather than not at all.
  if (missing.length > MOST_NAMED) return `${Math.min(...missing) - 1}`;
  return `${max}-${missing.join(".")}`;
}

/** @returns undefined: it isn't a cursor of ours */
export function seenBy(cursor: string): Seen | undefined {
  const [, max, missing] = /^(\d{1,15})(?:-(\d{1,15}(?:\.\d{1,15}){0,199}))?$/.exec(cursor) ?? [];
  return max === undefined
    ? undefined
    : { max: Number(max), missing: (missing?.split(".") ?? []).map(Number) };
}
