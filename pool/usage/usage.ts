import { invalid } from "../errors.ts";
import { type Page, type PageInput, pageOf } from "../page.ts";
import type { UsageDeps } from "./deps.ts";
import { countQuarantines } from "./faults.ts";
import { type By, groupingOf, type Key, keyOf } from "./groups.ts";
import { readHistory } from "./history.ts";
import { hoursOf, type Measures } from "./measure.ts";
import { readPoolTimes } from "./pool_size.ts";
import { daysOf, overlap, type Range, rangeOf } from "./range.ts";
import { readClock, wholeSince } from "./since.ts";
import { Sums } from "./sums.ts";

export interface UsageInput {
  from?: Date | undefined;
  to?: Date | undefined;
  by: By;
  /** whose values are told apart, if it is by label */
  label?: string | undefined;
}

export interface UsageRow extends Measures, Key {
  /** what sorts the rows, and tells them apart */
  words: string;
  /** in which machines were in the pool; only of days */
  poolHours?: number;
}

export interface Failures {
  /** the kind of fault; null: no machine's, such as a wait that was too long */
  fault: string | null;
  reservations: number;
  /** how often machines were quarantined with it */
  quarantines: number;
}

export interface Usage {
  range: Range;
  /** from when on there is a history, if the range begins before that */
  historyFrom: number | null;
  total: Measures & { poolHours: number };
  /** the most frequent first */
  failures: Failures[];
  /** by name, or by day */
  rows: UsageRow[];
}

/** The hours of all these times in a range. */
const hoursIn = (times: Range[], range: Range) =>
  hoursOf(times.reduce((sum, time) => sum + overlap(time, range), 0));

function rowsOf({ groups }: Sums, by: By, range: Range, pool: Range[]): UsageRow[] {
  if (by !== "day") {
    const named = [...groups].map(([words, measure]) => ({ words, ...keyOf(by, words), ...measure.result }));
    return named.sort((a, b) => (a.words < b.words ? -1 : 1));
  }
  return daysOf(range).map(({ day, range: its }) => {
    const measures = groups.get(day)?.result as Measures;
    return { words: day, day, ...measures, poolHours: hoursIn(pool, its) };
  });
}

function failuresOf(failed: Map<string, number>, quarantines: Map<string, number>): Failures[] {
  const all = [...new Set([...failed.keys(), ...quarantines.keys()])].map((fault) => ({
    fault: fault === "" ? null : fault,
    reservations: failed.get(fault) ?? 0,
    quarantines: quarantines.get(fault) ?? 0,
  }));
  const countOf = (one: Failures) => one.reservations + one.quarantines;
  return all.sort((a, b) => countOf(b) - countOf(a) || ((a.fault ?? "") < (b.fault ?? "") ? -1 : 1));
}

/**
 * How the machines were used, from the history.
 * @throws PoolError invalid_request for a range that is empty or too long, and a label that is missing or has no use
 */
export async function readUsage(deps: UsageDeps, { by, label, ...asked }: UsageInput): Promise<Usage> {
  if (by !== "label" && label !== undefined) throw invalid("label", "only with by=label");
  const now = await readClock(deps);
  const range = rangeOf(asked, now);
  const sums = new Sums(range, now, by === "day" ? undefined : await groupingOf(deps, by, label));
  for await (const slice of readHistory(deps, range)) for (const past of slice) sums.add(past);
  const pool = await readPoolTimes(deps, range.from, now);
  const since = await wholeSince(deps);
  return {
    range,
    historyFrom: since > range.from ? since : null,
    total: { ...sums.total.result, poolHours: hoursIn(pool, range) },
    failures: failuresOf(sums.failed, await countQuarantines(deps, range)),
    rows: rowsOf(sums, by, range, pool),
  };
}

/** Some of the rows. @throws PoolError invalid_request for a key of another list */
export function pageOfUsage({ rows }: Usage, { limit, after }: PageInput): Page<UsageRow> {
  if (after && after.length !== 1) throw invalid("cursor", "is not a cursor from this list");
  const [last] = after ?? [];
  const rest = last === undefined ? rows : rows.filter(({ words }) => words > last);
  return pageOf(rest.slice(0, limit + 1), limit, ({ words }) => [words]);
}
