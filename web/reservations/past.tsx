import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { api, ask } from "../data/api.ts";
import type { Reservation } from "../data/reservations.ts";
import { wordsOf } from "../parts/act.tsx";
import { More } from "../parts/rows.tsx";
import { At } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { Owner } from "./one.tsx";

const words = text.reservations;

const readProof = (id: string) => ask(api.reservations({ id }).proof.get());
type Proof = Awaited<ReturnType<typeof readProof>>;
type MachineProof = Proof["machines"][number];

/** What was ended and removed, in words; what there was none of is left out. */
function removedIn({ removed }: MachineProof): string {
  if (!removed) return words.notCounted;
  const parts = [
    [removed.processes, words.processes],
    [removed.home_files, words.homeFiles],
    [removed.swept_files, words.sweptFiles],
    [removed.ipc, words.ipc],
    [removed.mounts, words.mounts],
  ] as const;
  const said = parts.flatMap(([n, inWords]) => (n > 0 ? [inWords(n)] : []));
  return said.join(", ") || words.nothing;
}

const Row = ({ one }: { one: MachineProof }) => (
  <tr>
    <th scope="row">
      <bdi>{one.machine}</bdi> <span class="quiet">{one.slot}</span>
    </th>
    <td>{one.account_at ? <At at={one.account_at} /> : words.never}</td>
    <td>{one.clean_at ? <At at={one.clean_at} /> : <span class="wrong">{words.notYet}</span>}</td>
    <td>{removedIn(one)}</td>
    <td>
      {one.last_word && (
        <code>
          <bdi>{one.last_word}</bdi>
        </code>
      )}
    </td>
  </tr>
);

/** A table of a thousand machines is shown by parts. */
const STEP = 100;

function Shown({ proof }: { proof: Proof }) {
  const most = useSignal(STEP);
  const { machines } = proof;
  const clean = machines.filter(({ clean_at }) => clean_at).length;
  const left = machines.length - most.value;
  return (
    <>
      <p>
        {machines.length === 0 ? words.noMachines : words.proved(clean, machines.length)}
        {proof.ended_at && (
          <>
            {" "}
            <span class="quiet">
              <At at={proof.ended_at} />
            </span>
          </>
        )}
      </p>
      {machines.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <section class="proof-table" tabIndex={0} aria-label={words.proof}>
          <table>
            <thead>
              <tr>
                {[words.machine, words.accountAt, words.cleanAt, words.removed, words.lastWord].map(
                  (head) => (
                    <th key={head} scope="col">
                      {head}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {machines.slice(0, most.value).map((one, n) => (
                <Row key={n} one={one} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <More
        left={left}
        step={STEP}
        onMore={() => {
          most.value += STEP;
        }}
      />
      <p>
        <a href={`/reservations/${proof.id}/proof`} download={`proof-${proof.id}.json`}>
          {words.download}
        </a>
      </p>
    </>
  );
}

/** What was removed, loaded when it is opened. */
function ProofOf({ id }: { id: string }) {
  const proof = useSignal<Proof | undefined>(undefined);
  const wrong = useSignal("");
  const open = async (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open) return;
    try {
      [proof.value, wrong.value] = [await readProof(id), ""];
    } catch (error) {
      wrong.value = wordsOf(error);
    }
  };
  return (
    <details class="proof" onToggle={open}>
      <summary>{words.proof}</summary>
      {wrong.value && <p class="wrong">{wrong.value}</p>}
      {proof.value ? <Shown proof={proof.value} /> : !wrong.value && <p class="quiet">{text.loading}</p>}
    </details>
  );
}

/** From when until when it was. One that was given up before its start never began, whatever was planned. */
function Times({ it: { state, starts_at: from, ended_at: to } }: { it: Reservation }) {
  if (state === "failed" || !from || (to && from > to)) return <>{words.neverStarted}</>;
  return (
    <>
      <At at={from} /> – {to ? <At at={to} /> : "…"}
    </>
  );
}

/** One that is over. */
export function Past({ it }: { it: Reservation }) {
  const id = useId();
  return (
    <li>
      <article class="past" aria-labelledby={id}>
        <header>
          <h3 id={id}>
            <bdi>{it.username}</bdi>
          </h3>
          <span class={it.state === "failed" ? "wrong" : "quiet"}>{text.yours.states[it.state]}</span>
          <Owner it={it} />
          <span class="quiet">
            <Times it={it} />
          </span>
        </header>
        {it.reason && (
          <p class="quiet">
            <bdi>{it.reason}</bdi>
          </p>
        )}
        <ProofOf id={it.id} />
      </article>
    </li>
  );
}
