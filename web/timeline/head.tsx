// biome-ignore-all lint/a11y/useSemanticElements: a table's rows can't be left out, and a grid's can
// biome-ignore-all lint/a11y/useFocusableInteractive: only bars and free cells are stops of the keyboard
// What stands above the rows: the times, in the browser's zone and in UTC; and the lines that go down from them.
import { second } from "../data/clock.ts";
import { text } from "../text/text.ts";
import { slotAt, utcOffset } from "./axis.ts";
import { range, scale, slots, ticks, view, ZONE } from "./view.ts";
import { clockInUtc, clockOf, dateWordsOf, dayOf, weekdayOf } from "./words.ts";

const words = text.timeline;

/** "UTC+01:00", and also the other one on a day when the clocks change. */
export function offsets(): string {
  const { from, to } = range.value;
  return [...new Set([utcOffset(from, ZONE), utcOffset(to - 1, ZONE)])].join(" / ");
}

/** Whether an instant begins a day. */
const beginsDay = (at: number, before: number | undefined) =>
  before === undefined || dateWordsOf(at) !== dateWordsOf(before);

export function Head() {
  const { xOf } = scale.value;
  const all = ticks.value;
  const isMonth = view.value === "month";
  return (
    <div role="row" class="head" aria-rowindex={1}>
      <div role="columnheader" class="corner" aria-colindex={1}>
        <span>{words.machine}</span>
        {!isMonth && (
          <span class="utc" aria-hidden="true">
            {offsets()}
            <br />
            {words.utc}
          </span>
        )}
      </div>
      {all.map((at, n) => (
        <div
          key={at}
          role="columnheader"
          class="tick"
          aria-colindex={slotAt(slots.value, at) + 2}
          style={{ "--x": `${xOf(at)}px`, "--wide": `${xOf(all[n + 1] ?? range.value.to) - xOf(at)}px` }}
        >
          {view.value === "week" && beginsDay(at, all[n - 1]) && <b>{dateWordsOf(at)}</b>}
          <time dateTime={new Date(at).toISOString()}>{isMonth ? dayOf(at) : clockOf(at)}</time>
          <span class="utc">{isMonth ? weekdayOf(at) : clockInUtc(at)}</span>
        </div>
      ))}
    </div>
  );
}

/** Behind the rows: a line for each time above them. */
export const Lines = () => (
  <div class="lines" aria-hidden="true">
    {ticks.value.map((at, n, all) => (
      <i
        key={at}
        class={view.value === "week" && beginsDay(at, all[n - 1]) ? "is-day" : ""}
        style={{ "--x": `${scale.value.xOf(at)}px` }}
      />
    ))}
  </div>
);

/** What is over, and now. */
export function NowLine() {
  const { from, to } = range.value;
  const now = second.value;
  const x = scale.value.xOf(Math.min(Math.max(now, from), to));
  return (
    <div class="lines" aria-hidden="true">
      <i class="past" style={{ width: `${x}px` }} />
      {now >= from && now < to && <i class="now" style={{ "--x": `${x}px` }} />}
    </div>
  );
}
