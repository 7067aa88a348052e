// biome-ignore-all lint/a11y/useSemanticElements: a table's rows can't be left out, and a grid's can
// biome-ignore-all lint/a11y/useFocusableInteractive: only bars and free cells are stops of the keyboard
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the grid has what its keys do
// A machine's row: its name, and what it has in the time that is shown.
import { Component } from "preact";
import { now } from "../data/clock.ts";
import { kindOf, type Machine } from "../data/machines.ts";
import { Shape } from "../parts/badge.tsx";
import { text } from "../text/text.ts";
import { slotAt } from "./axis.ts";
import { type Bar, barsOf, type Entry, type Stop, stopAt, stopsOf } from "./bars.ts";
import { at } from "./cursor.ts";
import { HIT, ROW } from "./view.ts";
import { momentOf, nameOf, whoseIs } from "./words.ts";

const words = text.timeline;

/** How time is laid out; the same object as long as nothing of it changes. */
export interface Layout {
  from: number;
  to: number;
  slots: number[];
  perMs: number;
  /** what is seen of it, with some room on both sides, in pixels */
  left: number;
  right: number;
}

export interface Props {
  index: number;
  machine: Machine;
  /** undefined: not loaded yet */
  entries: Entry[] | undefined;
  layout: Layout;
  /** if the keyboard is in this row: at what */
  cursor: { at: number; key?: string } | undefined;
  onOpen: (bar: Bar, machine: string) => void;
}

function kindsOf({ entries }: Bar): string {
  const [first] = entries;
  const isSeries = entries.every(({ series }) => series !== null) ? "is-series" : "";
  return entries.length > 1 ? "is-several" : `is-${first?.kind} ${isSeries}`;
}

/** Columns are counted from 1, and the first is the name. */
const columns = ({ from, to }: { from: number; to: number }, slots: number[]) => {
  const first = slotAt(slots, from);
  return { "aria-colindex": first + 2, "aria-colspan": slotAt(slots, to - 1) - first + 1 };
};

function BarCell({ bar, isHere, ...props }: Props & { bar: Bar; isHere: boolean }) {
  const { layout, machine, onOpen } = props;
  const width = (bar.to - bar.from) * layout.perMs;
  const [first] = bar.entries;
  const begins = bar.from > layout.from || Date.parse(first?.starts_at ?? "") === layout.from;
  // What is written in it stays in sight while its beginning is not.
  const x = (bar.from - layout.from) * layout.perMs;
  return (
    <div
      role="gridcell"
      tabIndex={isHere ? 0 : -1}
      class={`bar ${kindsOf(bar)} ${begins ? "" : "is-older"} ${bar.to < layout.to ? "" : "is-longer"}`}
      aria-label={nameOf(bar, machine.name)}
      {...columns(bar, layout.slots)}
      style={{ left: `${x}px`, width: `${Math.max(width, HIT)}px`, "--real": `${Math.max(width, 3)}px` }}
      onFocus={() => at(machine.name, bar.from, bar.key)}
      onClick={() => onOpen(bar, machine.name)}
    >
      {width >= HIT && (
        <bdi aria-hidden="true">{bar.entries.length > 1 ? bar.entries.length : first && whoseIs(first)}</bdi>
      )}
    </div>
  );
}

/** The free cell that the keyboard is at. */
function FreeCell({ stop, layout, machine }: { stop: Stop; layout: Layout; machine: string }) {
  const isPast = stop.to <= now();
  const label = isPast
    ? words.past(machine, momentOf(stop.from))
    : words.free(machine, momentOf(stop.from), momentOf(stop.to));
  const width = (stop.to - stop.from) * layout.perMs;
  return (
    <div
      role="gridcell"
      tabIndex={0}
      class="cell"
      aria-label={label}
      {...columns(stop, layout.slots)}
      style={{ left: `${(stop.from - layout.from) * layout.perMs}px`, width: `${width}px` }}
    />
  );
}

function Quarantine({ machine, layout }: { machine: Machine; layout: Layout }) {
  const since = Math.max(Date.parse(machine.state_changed_at), layout.from);
  if (kindOf(machine) !== "quarantined" || since >= layout.to) return null;
  return (
    <div
      class="ill"
      aria-hidden="true"
      style={{
        left: `${(since - layout.from) * layout.perMs}px`,
        width: `${(layout.to - since) * layout.perMs}px`,
      }}
    />
  );
}

/** Drawn again only when something of it has changed. */
export class Row extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((key) => next[key] !== this.props[key]);
  }

  override render(props: Props) {
    const { index, machine, entries, layout, cursor } = props;
    const kind = kindOf(machine);
    const bars = barsOf(entries ?? [], layout, HIT / layout.perMs);
    const stop = cursor && stopAt(stopsOf(bars, layout.slots), cursor.at, cursor.key);
    const isSeen = ({ from, to }: Bar) =>
      (to - layout.from) * layout.perMs + HIT >= layout.left &&
      (from - layout.from) * layout.perMs <= layout.right;
    const note = kind === "quarantined" ? words.quarantinedSince(momentOf(machine.state_changed_at)) : "";
    return (
      <div
        role="row"
        class={`row ${entries ? "" : "is-loading-row"}`}
        aria-rowindex={index + 2}
        aria-busy={entries ? undefined : true}
        style={{ transform: `translateY(${index * ROW}px)` }}
      >
        <div
          role="rowheader"
          class="name"
          aria-colindex={1}
          aria-label={`${machine.name}, ${note || text.kinds[kind]}`}
          title={note || text.kinds[kind]}
        >
          <Shape kind={kind} />
          <bdi>{machine.name}</bdi>
        </div>
        <div class="track" role="presentation">
          <Quarantine machine={machine} layout={layout} />
          {stop && !stop.bar && <FreeCell stop={stop} layout={layout} machine={machine.name} />}
          {bars
            .filter((bar) => isSeen(bar) || bar === stop?.bar)
            .map((bar) => (
              <BarCell key={bar.key} {...props} bar={bar} isHere={bar === stop?.bar} />
            ))}
        </div>
      </div>
    );
  }
}
