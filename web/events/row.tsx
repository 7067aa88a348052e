import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { now } from "../data/clock.ts";
import { locale, text } from "../text/text.ts";
import { type Event, filter } from "./state.ts";

const words = text.events;

const time = new Intl.DateTimeFormat(locale, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });

/** To the second: events come close together. */
function When({ at }: { at: string }) {
  const then = new Date(at);
  const isToday = then.toDateString() === new Date(now()).toDateString();
  return (
    <time dateTime={at} title={at}>
      {!isToday && <span class="quiet">{date.format(then)} </span>}
      {time.format(then)}
    </time>
  );
}

/** A value of the details, in a line. */
function lineOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(lineOf).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
const saidOf = ({ details }: Event): [string, string][] =>
  Object.entries(details)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [name, lineOf(value)]);

/** A name that the filter takes when it is pressed. */
const Name = ({ name, field }: { name: string; field: "object" | "actor" }) => (
  <button
    type="button"
    class="name"
    aria-label={(field === "object" ? words.onlyObject : words.onlyActor)(name)}
    title={(field === "object" ? words.onlyObject : words.onlyActor)(name)}
    onClick={() => {
      filter[field].value = name;
    }}
  >
    <bdi>{name}</bdi>
  </button>
);

/** One event: when, what, to what, by whom; and all that was recorded of it. */
export function Row({ event }: { event: Event }) {
  const id = useId();
  const isOpen = useSignal(false);
  const toggle = () => {
    isOpen.value = !isOpen.value;
  };
  const said = saidOf(event);
  const all: [string, string][] = [
    [words.action, event.action],
    ...said,
    [words.address, event.address],
    [words.requestId, event.request_id],
    [words.id, `${event.id}`],
  ];
  return (
    <li class="event">
      <When at={event.occurred_at} />
      <div class="what">
        <strong>{words.actions[event.action] ?? event.action}</strong>{" "}
        <Name name={event.object} field="object" />
        <p class="said quiet">
          {said.map(([name, value]) => (
            <span key={name}>
              {name} <bdi>{value}</bdi>
            </span>
          ))}
        </p>
      </div>
      <span class="who">
        <span class="quiet">{words.by}</span> <Name name={event.actor} field="actor" />
      </span>
      <button type="button" class="more" aria-expanded={isOpen.value} aria-controls={id} onClick={toggle}>
        {words.details}
      </button>
      <dl id={id} hidden={!isOpen.value}>
        {isOpen.value &&
          all
            .filter(([, value]) => value !== "")
            .map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ))}
      </dl>
    </li>
  );
}
