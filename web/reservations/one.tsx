import { signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { type Reservation, refresh } from "../data/reservations.ts";
import { mayReserve } from "../data/session.ts";
import { Coming } from "../held/coming.tsx";
import { Extend } from "../held/extend.tsx";
import { namesOf } from "../held/names.ts";
import { Ready } from "../held/ready.tsx";
import { Release } from "../held/release.tsx";
import { Button } from "../parts/button.tsx";
import { At, TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";

const words = text.reservations;
const its = text.yours;

/** What was asked for at a reservation; as it was then, so that the dialog stays when the list changes. */
const asking = signal<{ it: Reservation; what: "extend" | "release" } | undefined>(undefined);
const stop = () => {
  asking.value = undefined;
};

/** Whose it is, if its accounts have another name. */
export const Owner = ({ it }: { it: Reservation }) =>
  it.user !== null && it.user !== it.username ? (
    <span class="quiet">
      <bdi>{words.by(it.user)}</bdi>
    </span>
  ) : null;

function Machines({ it }: { it: Reservation }) {
  const names = it.machines.map(({ machine }) => machine);
  if (names.length === 0) return null;
  return (
    <p class="machines">
      <bdi title={names.length > 20 ? undefined : names.join(", ")}>{namesOf(names)}</bdi>
    </p>
  );
}

/** Extend and Release, as far as the role and the state allow it. */
function Actions({ it }: { it: Reservation }) {
  const ask = (what: "extend" | "release") => () => {
    asking.value = { it, what };
  };
  if (!mayReserve.value || it.state === "ending") return null;
  return (
    <div class="buttons">
      {it.state === "active" && <Button onClick={ask("extend")}>{its.extend}</Button>}
      <Button kind="danger" onClick={ask("release")}>
        {its.release}
      </Button>
    </div>
  );
}

/** One that has machines, or will have them. */
export function One({ it }: { it: Reservation }) {
  const id = useId();
  const isComing = it.state === "queued" || it.state === "booked";
  return (
    <li>
      <article class={`card reservation is-${it.state}`} aria-labelledby={id}>
        <header>
          <h3 id={id}>
            <bdi>{it.username}</bdi>
          </h3>
          <span class="state">{its.states[it.state]}</span>
          <Owner it={it} />
        </header>
        <div class="when">
          {isComing && <Coming it={it} />}
          {it.state === "active" && it.ends_at && (
            <p>
              <strong>
                <TimeLeft until={it.ends_at} />
              </strong>{" "}
              <span class="quiet">
                {its.until} <At at={it.ends_at} />
              </span>
            </p>
          )}
          {it.state === "preparing" && <p>{text.reserve.preparing}</p>}
          {it.state === "ending" && <p>{words.beingCleaned}</p>}
          <Machines it={it} />
          {it.wanted_by > 0 && <p class="quiet">{its.wanted(it.wanted_by)}</p>}
        </div>
        <Actions it={it} />
        {it.state === "active" && (
          <details class="how">
            <summary>{words.howToLogIn}</summary>
            <Ready it={it} />
          </details>
        )}
      </article>
    </li>
  );
}

/** The dialog that was asked for. */
export function Asking() {
  const { it, what } = asking.value ?? {};
  if (!it) return null;
  const close = () => {
    stop();
    void refresh(it.id);
  };
  return what === "extend" ? <Extend it={it} onClose={close} /> : <Release it={it} onClose={close} />;
}
