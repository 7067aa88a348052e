// What a bar is: who, what, until when; and what may be done about it.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { second } from "../data/clock.ts";
import { isOver, type Reservation, view } from "../data/reservations.ts";
import { mayReserve } from "../data/session.ts";
import { Extend } from "../held/extend.tsx";
import { Release } from "../held/release.tsx";
import { wordsOf } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Sheet } from "../parts/dialog/sheet.tsx";
import { TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import type { Entry } from "./bars.ts";
import { momentInUtc, momentOf, whatIs, whoseIs } from "./words.ts";

const words = text.timeline;

/** What is open: entries of a machine to choose from, one of them, or what is asked about it. */
export const open = signal<{ machine: string; entries: Entry[] } | undefined>(undefined);
const asking = signal<{ it: Reservation; what: "extend" | "release" } | undefined>(undefined);
const close = () => {
  open.value = undefined;
};

/** A time here, and in UTC beside it. */
const Moment = ({ at }: { at: string }) => (
  <time dateTime={at} title={at}>
    {momentOf(at)} <small>{momentInUtc(at)} UTC</small>
  </time>
);

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** Extend and Release, as far as the role and the reservation allow it. */
function Actions({ id }: { id: string }) {
  const it = useSignal<Reservation | undefined>(undefined);
  const wrong = useSignal("");
  useEffect(() => {
    view(id)
      .then((found) => {
        it.value = found;
      })
      .catch((error) => {
        wrong.value = wordsOf(error);
      });
  }, [id]);
  if (wrong.value) return <p class="alert">{wrong.value}</p>;
  if (!it.value) return <p class="quiet">{text.loading}</p>;
  const its = it.value;
  const ask = (what: "extend" | "release") => () => {
    [asking.value, open.value] = [{ it: its, what }, undefined];
  };
  return (
    <>
      {/* Whether it is prepared, say; that it is booked or waits was said. */}
      {!["booked", "queued"].includes(its.state) && <p>{text.yours.states[its.state]}</p>}
      {mayReserve.value && !isOver(its) && (
        <div class="buttons">
          {its.state === "active" && <Button onClick={ask("extend")}>{text.yours.extend}</Button>}
          <Button kind="danger" onClick={ask("release")}>
            {text.yours.release}
          </Button>
        </div>
      )}
    </>
  );
}

function One({ machine, entry }: { machine: string; entry: Entry }) {
  const { starts_at: from, ends_at: until } = entry;
  const now = second.value;
  return (
    <>
      <dl class="facts">
        <Fact name={words.machine}>
          <bdi>{machine}</bdi>
        </Fact>
        <Fact name={words.what}>{whatIs(entry)}</Fact>
        {entry.user !== null && (
          <Fact name={words.user}>
            <bdi>{entry.user}</bdi>
          </Fact>
        )}
        <Fact name={words.from}>
          <Moment at={from} />
        </Fact>
        <Fact name={words.until}>
          <Moment at={until} />
        </Fact>
      </dl>
      {Date.parse(from) <= now && now < Date.parse(until) && (
        <p>
          <TimeLeft until={until} />
        </p>
      )}
      {entry.id === null ? <p class="quiet">{words.hidden}</p> : <Actions id={entry.id} />}
    </>
  );
}

export function Details() {
  const { machine = "", entries = [] } = open.value ?? {};
  const [only] = entries;
  const stop = () => {
    asking.value = undefined;
  };
  return (
    <>
      {only && entries.length === 1 && (
        <Sheet key={only.id ?? only.starts_at} title={whoseIs(only)} onClose={close}>
          <One machine={machine} entry={only} />
        </Sheet>
      )}
      {entries.length > 1 && (
        <Sheet title={`${machine}: ${words.several(entries.length)}`} onClose={close}>
          <ul class="several">
            {entries.map((entry) => (
              <li key={`${entry.id} ${entry.starts_at}`}>
                <Button
                  onClick={() => {
                    open.value = { machine, entries: [entry] };
                  }}
                >
                  <bdi>{words.open(whoseIs(entry), momentOf(entry.starts_at))}</bdi>
                </Button>
              </li>
            ))}
          </ul>
        </Sheet>
      )}
      {asking.value?.what === "extend" && <Extend it={asking.value.it} onClose={stop} />}
      {asking.value?.what === "release" && <Release it={asking.value.it} onClose={stop} />}
    </>
  );
}
