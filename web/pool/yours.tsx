import { signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { now } from "../data/clock.ts";
import { forget, isMadeHere, isOver, mine, type Reservation } from "../data/reservations.ts";
import { Coming } from "../held/coming.tsx";
import { Extend } from "../held/extend.tsx";
import { namesOf } from "../held/names.ts";
import { Ready } from "../held/ready.tsx";
import { Release } from "../held/release.tsx";
import { Button } from "../parts/button.tsx";
import { At, TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";

const words = text.yours;

/** What was asked for at a reservation. */
export const asking = signal<{ id: string; what: "extend" | "release" } | undefined>(undefined);
const stop = () => {
  asking.value = undefined;
};

function One({ it, focus }: { it: Reservation; focus: boolean }) {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [focus]);
  const ask = (what: "extend" | "release") => () => {
    asking.value = { id: it.id, what };
  };
  const names = namesOf(it.machines.map(({ machine }) => machine));
  return (
    <article class="card mine" aria-labelledby={id}>
      <header>
        <h3 id={id} ref={heading} tabIndex={-1}>
          <bdi>{words.of(it.username)}</bdi>
        </h3>
        <span class="state">{words.states[it.state]}</span>
        <bdi class="quiet">{names}</bdi>
      </header>
      {it.state === "active" && it.ends_at && (
        <p>
          <TimeLeft until={it.ends_at} /> <span class="quiet">{words.until}</span> <At at={it.ends_at} />
        </p>
      )}
      {it.state === "failed" && (
        <p class="alert">
          <bdi>{it.reason}</bdi>
        </p>
      )}
      {it.wanted_by > 0 && <p class="quiet">{words.wanted(it.wanted_by)}</p>}
      {it.state === "active" ? <Ready it={it} /> : !isOver(it) && <Coming it={it} />}
      <div class="buttons">
        {it.state === "active" && <Button onClick={ask("extend")}>{words.extend}</Button>}
        {isOver(it) ? (
          <Button onClick={() => forget(it.id)}>{words.dismiss}</Button>
        ) : (
          <Button kind="danger" onClick={ask("release")}>
            {words.release}
          </Button>
        )}
      </div>
    </article>
  );
}

/** A class every week is many bookings: a later one is on the page Reservations alone, unless it was just made here. */
const SOON_MS = 24 * 3_600_000;
const isLater = ({ id, state, starts_at }: Reservation) =>
  state === "booked" && !isMadeHere(id) && Date.parse(starts_at ?? "") > now() + SOON_MS;
/** Those that have machines, then the others by their start. */
const order = ({ state, starts_at }: Reservation) =>
  ["queued", "booked"].includes(state) ? Date.parse(starts_at ?? "") || Number.MAX_SAFE_INTEGER : 0;

/** What whoever is here has, or waits for. @param latest its heading gets the focus */
export function Yours({ latest }: { latest: string | undefined }) {
  const id = useId();
  const all = [...mine.value.values()].reverse();
  const shown = all.filter((it) => !isLater(it)).sort((a, b) => order(a) - order(b));
  const later = all.length - shown.length;
  const open = asking.value;
  const its = open && mine.value.get(open.id);
  if (all.length === 0) return null;
  return (
    <section class="yours" aria-labelledby={id}>
      <h2 id={id}>{words.title}</h2>
      <div class="cards">
        {shown.map((it) => (
          <One key={it.id} it={it} focus={it.id === latest} />
        ))}
      </div>
      {later > 0 && (
        <p>
          <a href="/ui/reservations">{words.later(later)}</a>
        </p>
      )}
      {its && open.what === "extend" && <Extend it={its} onClose={stop} />}
      {its && open.what === "release" && <Release it={its} onClose={stop} />}
    </section>
  );
}
