// Which machine is busy when. Times are milliseconds since 1970.

import type { Labels } from "./where.ts";

export interface PlanMachine {
  id: string;
  name: string;
  labels: Labels;
  /** from when it is free; in the past: now */
  freeFrom: number;
  /** how long after a holder's end until it is clean, ms */
  turnaround: number;
  /** quarantined: `freeFrom` is its next retry, which may fail */
  uncertain: boolean;
}

/** A time during which a machine is taken; `until` is not part of it. */
export interface Span {
  from: number;
  until: number;
}

/** The end of a time that has none. */
export const FOREVER = Number.POSITIVE_INFINITY;

const NONE: readonly Span[] = [];

export class Profile {
  /** the earliest free first; of those free from the same time, the last by id */
  readonly machines: readonly PlanMachine[];
  readonly #index: ReadonlyMap<string, number>;
  /** by index, in order of time; most machines have none */
  readonly #spans: (Span[] | undefined)[] = [];

  constructor(machines: readonly PlanMachine[]) {
    this.machines = machines.toSorted((a, b) => a.freeFrom - b.freeFrom || (a.id < b.id ? 1 : -1));
    this.#index = new Map(this.machines.map(({ id }, index) => [id, index]));
  }

  /** @returns its index in `machines`; undefined when it isn't offered at all */
  indexOf(id: string): number | undefined {
    return this.#index.get(id);
  }

  /** When a machine is taken, in order of time. */
  spansOf(index: number): readonly Span[] {
    return this.#spans[index] ?? NONE;
  }

  /** Whether a machine is free for the whole of a span. */
  isFree(index: number, { from, until }: Span): boolean {
    const { freeFrom } = this.machines[index] as PlanMachine;
    if (freeFrom > from) return false;
    return !this.#spans[index]?.some((span) => span.from < until && from < span.until);
  }

  add(index: number, span: Span): void {
    const spans = this.#spans[index];
    if (!spans) {
      this.#spans[index] = [span];
      return;
    }
    const at = spans.findIndex(({ from }) => from > span.from);
    spans.splice(at < 0 ? spans.length : at, 0, span);
  }

  remove(index: number, span: Span): void {
    const spans = this.#spans[index] ?? [];
    const rest = spans.filter((one) => one !== span);
    this.#spans[index] = rest.length > 0 ? rest : undefined;
  }
}
