import type { Grouping } from "./groups.ts";
import type { Past } from "./held.ts";
import { Measure } from "./measure.ts";
import { DAY, daysOf, type Range } from "./range.ts";

/** Adds up everything, and by what it was asked for. */
export class Sums {
  readonly total: Measure;
  /** by a grouping's words, or by day */
  readonly groups = new Map<string, Measure>();
  /** failed reservations by kind of fault; "": no machine's */
  readonly failed = new Map<string, number>();
  readonly #days: Measure[] = [];
  readonly #range: Range;
  readonly #now: number;
  readonly #grouping: Grouping | undefined;

  /** @param grouping undefined: by day */
  constructor(range: Range, now: number, grouping?: Grouping) {
    [this.#range, this.#now, this.#grouping] = [range, now, grouping];
    this.total = new Measure(range, now);
    if (grouping) return;
    for (const { day, range: its } of daysOf(range)) {
      const measure = new Measure(its, now);
      this.#days.push(measure);
      this.groups.set(day, measure);
    }
  }

  /** The days on which something of it may have happened. */
  #daysOf({ createdAt, holds }: Past): Measure[] {
    const first = Math.floor(this.#range.from / DAY);
    const last = Math.max(createdAt, ...holds.map(({ releasedAt }) => releasedAt ?? this.#now));
    const indexOf = (at: number) => Math.max(0, Math.floor(at / DAY) - first);
    return this.#days.slice(indexOf(createdAt), indexOf(last) + 1);
  }

  #groupOf(words: string): Measure {
    const measure = this.groups.get(words) ?? new Measure(this.#range, this.#now);
    this.groups.set(words, measure);
    return measure;
  }

  add(past: Past): void {
    this.total.add(past, past.holds);
    for (const day of this.#daysOf(past)) day.add(past, past.holds);
    for (const [words, holds] of this.#grouping?.(past) ?? []) this.#groupOf(words).add(past, holds);
    const { from, to } = this.#range;
    if (!past.hasFailed || past.createdAt < from || past.createdAt >= to) return;
    const fault = past.fault ?? "";
    this.failed.set(fault, (this.failed.get(fault) ?? 0) + 1);
  }
}
