import { signal } from "@preact/signals";
import { Component } from "preact";
import { shown } from "../data/filter.ts";
import { kindOf, type Machine } from "../data/machines.ts";
import { Badge } from "../parts/badge.tsx";
import { NoMachines } from "../parts/no_machines.tsx";
import { More } from "../parts/rows.tsx";
import { TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";

/** Drawn again only when its machine has changed. */
class Tile extends Component<{ machine: Machine }> {
  override shouldComponentUpdate(next: { machine: Machine }): boolean {
    return next.machine !== this.props.machine;
  }

  override render({ machine }: { machine: Machine }) {
    const kind = kindOf(machine);
    const { holder, reservation_ends_at: until, fault, last_error: error, labels } = machine;
    const isIll = kind === "quarantined";
    return (
      <li class={`tile is-${kind}`}>
        <strong>
          <bdi>{machine.name}</bdi>
        </strong>
        <Badge kind={kind} />
        {holder && (
          <span class="holder">
            <bdi>{text.pool.heldBy(holder.username)}</bdi>
          </span>
        )}
        {until && <TimeLeft until={until} />}
        {isIll && fault && <span class="fault">{text.faults[fault] ?? fault}</span>}
        {isIll && error && (
          <span class="quiet">
            <bdi>{error}</bdi>
          </span>
        )}
        <span class="labels">
          {Object.entries(labels).map(([key, value]) => (
            <bdi key={key}>{value === "" || value === "true" ? key : `${key}=${value}`}</bdi>
          ))}
        </span>
      </li>
    );
  }
}

/** So many at first, and more on request: a browser lays out ten thousand slowly. */
const STEP = 300;
const most = signal(STEP);

export function Tiles() {
  if (shown.value.length === 0) return <NoMachines />;
  const left = shown.value.length - most.value;
  return (
    <>
      <ul class="tiles" aria-label={text.pool.machines}>
        {shown.value.slice(0, most.value).map((machine) => (
          <Tile key={machine.name} machine={machine} />
        ))}
      </ul>
      <More
        left={left}
        step={STEP}
        onMore={() => {
          most.value += STEP;
        }}
      />
    </>
  );
}
