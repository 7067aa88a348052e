import { signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { kindOf, type Machine } from "../data/machines.ts";
import { Badge } from "../parts/badge.tsx";
import { TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { Details } from "./details.tsx";
import { Ill } from "./ill.tsx";

const words = text.machines;

/** The names of those whose details are shown. */
const opened = signal<ReadonlySet<string>>(new Set());
function toggle(name: string): void {
  const next = new Set(opened.value);
  if (!next.delete(name)) next.add(name);
  opened.value = next;
}

export const addressOf = ({ user, host, port }: Machine) =>
  `${user ?? ""}@${host.includes(":") ? `[${host.replace(/^\[|\]$/g, "")}]` : host}:${port}`;

const Labels = ({ of }: { of: Record<string, string> }) => (
  <span class="labels">
    {Object.entries(of).map(([key, value]) => (
      <bdi key={key}>{value === "" || value === "true" ? key : `${key}=${value}`}</bdi>
    ))}
  </span>
);

/** Who is on it, and until when. */
const Holder = ({ machine: { holder, reservation_ends_at: until } }: { machine: Machine }) => (
  <>
    {holder && (
      <span class="quiet">
        <bdi>{text.pool.heldBy(holder.username)}</bdi>
      </span>
    )}
    {until && <TimeLeft until={until} />}
  </>
);

export function Row({ machine }: { machine: Machine }) {
  const id = useId();
  const { name } = machine;
  const kind = kindOf(machine);
  const isOpen = opened.value.has(name);
  return (
    <li class={`row is-${kind}`}>
      <div class="line">
        <span class="what">
          <strong>
            <bdi>{name}</bdi>
          </strong>
          <bdi class="quiet">{addressOf(machine)}</bdi>
        </span>
        <span class="what">
          <Badge kind={kind} />
          {machine.drained && kind !== "drained" && <span class="quiet">{words.drainedToo}</span>}
          <Holder machine={machine} />
        </span>
        <Labels of={machine.labels} />
        <button
          type="button"
          class="button"
          aria-expanded={isOpen}
          aria-controls={isOpen ? id : undefined}
          aria-label={words.detailsOf(name)}
          onClick={() => toggle(name)}
        >
          {words.details}
        </button>
      </div>
      {kind === "quarantined" && <Ill machine={machine} />}
      {isOpen && <Details id={id} machine={machine} />}
    </li>
  );
}
