import { signal } from "@preact/signals";
import { Component } from "preact";
import { kindOf, loadMachines, type Machine, machines, trouble } from "../data/machines.ts";
import { Badge } from "../parts/badge.tsx";
import { Button } from "../parts/button.tsx";
import { TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { clear, isFiltered, shown } from "./filter.ts";

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

function Nothing() {
  if (isFiltered.value)
    return (
      <div class="empty">
        <p>{text.pool.noMatch}</p>
        <Button onClick={clear}>{text.pool.clear}</Button>
      </div>
    );
  return (
    <div class="empty">
      <p>{text.pool.none}</p>
      <p>
        {text.pool.noneHow} <code>just register-machine</code>
      </p>
    </div>
  );
}

export function Tiles() {
  if (trouble.value && !machines.value)
    return (
      <div class="empty" role="alert">
        <p>{trouble.value.message || text.noAnswer}</p>
        <Button onClick={() => void loadMachines()}>{text.tryAgain}</Button>
      </div>
    );
  if (!machines.value) return <div class="tiles is-loading">{text.loading}</div>;
  if (shown.value.length === 0) return <Nothing />;
  const left = shown.value.length - most.value;
  return (
    <>
      <ul class="tiles" aria-label={text.pool.machines}>
        {shown.value.slice(0, most.value).map((machine) => (
          <Tile key={machine.name} machine={machine} />
        ))}
      </ul>
      {left > 0 && (
        <Button
          onClick={() => {
            most.value += STEP;
          }}
        >
          {text.pool.more(Math.min(left, STEP))}
        </Button>
      )}
    </>
  );
}
