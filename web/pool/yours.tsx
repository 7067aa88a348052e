import { signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { forget, isOver, mine, passwords, type Reservation } from "../data/reservations.ts";
import { Config } from "../held/config.tsx";
import { Extend } from "../held/extend.tsx";
import { Release } from "../held/release.tsx";
import { Button } from "../parts/button.tsx";
import { Copy } from "../parts/copy.tsx";
import { At, TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";

const words = text.yours;

/** What was asked for at a reservation. */
export const asking = signal<{ id: string; what: "extend" | "release" } | undefined>(undefined);
const stop = () => {
  asking.value = undefined;
};

type Place = Reservation["machines"][number];
export const sshTo = (username: string, { host, port }: Place) =>
  `ssh ${port === 22 ? "" : `-p ${port} `}${username}@${host}`;

/** Before it starts: when it will. */
const Coming = ({ it }: { it: Reservation }) => (
  <>
    {it.position !== null && <p>{words.position(it.position)}</p>}
    <p>
      {it.starts_at ? (
        <>
          {words.starts} <At at={it.starts_at} /> (<TimeLeft until={it.starts_at} />)
        </>
      ) : (
        words.noStart
      )}
      {it.uncertain && <span class="quiet"> {words.uncertain}</span>}
    </p>
    {it.delay_reason && <p class="quiet">{it.delay_reason}</p>}
  </>
);

function Ready({ it }: { it: Reservation }) {
  const password = passwords.value.get(it.id);
  return (
    <>
      {password ? (
        <div>
          <h4>{words.password}</h4>
          <Copy name={words.password}>{password}</Copy>
          <p class="hint">{words.once}</p>
        </div>
      ) : (
        <p class="hint">{words.ownLogin}</p>
      )}
      <h4>{words.ssh}</h4>
      {it.machines.map((place) => (
        <Copy key={place.slot} name={`${words.ssh}: ${place.machine}`}>
          {sshTo(it.username, place)}
        </Copy>
      ))}
      <Config id={it.id} />
    </>
  );
}

function One({ it, focus }: { it: Reservation; focus: boolean }) {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [focus]);
  const ask = (what: "extend" | "release") => () => {
    asking.value = { id: it.id, what };
  };
  const names = it.machines.map(({ machine }) => machine).join(", ");
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
      {it.state === "failed" && <p class="alert">{it.reason}</p>}
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

/** What whoever is here has, or waits for. @param latest its heading gets the focus */
export function Yours({ latest }: { latest: string | undefined }) {
  const id = useId();
  const all = [...mine.value.values()].reverse();
  const open = asking.value;
  const its = open && mine.value.get(open.id);
  if (all.length === 0) return null;
  return (
    <section class="yours" aria-labelledby={id}>
      <h2 id={id}>{words.title}</h2>
      <div class="cards">
        {all.map((it) => (
          <One key={it.id} it={it} focus={it.id === latest} />
        ))}
      </div>
      {its && open.what === "extend" && <Extend it={its} onClose={stop} />}
      {its && open.what === "release" && <Release it={its} onClose={stop} />}
    </section>
  );
}
