import type { Machine } from "../data/machines.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { At } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { asking, change, type Question } from "./change.ts";

const words = text.machines;

function Facts({ of }: { of: Record<string, string> }) {
  const all = Object.entries(of);
  if (all.length === 0) return <span class="quiet">{words.noFacts}</span>;
  return (
    <span class="labels">
      {all.map(([key, value]) => (
        <bdi key={key}>{`${key}=${value}`}</bdi>
      ))}
    </span>
  );
}

function Buttons({ machine: { name, drained } }: { machine: Machine }) {
  const { busy, wrong, act } = useAct<"drain">();
  const question = (what: Question) => () => {
    asking.value = { name, what };
  };
  return (
    <>
      <div class="buttons">
        <Button
          busy={busy.value === "drain"}
          label={drained ? words.undrainOf(name) : words.drainOf(name)}
          onClick={({ detail }) => {
            // The second click of a double one would offer it again.
            if (detail < 2) void act("drain", () => change(name, { drained: !drained }));
          }}
        >
          {drained ? words.undrain : words.drain}
        </Button>
        <Button label={words.editLabelsOf(name)} onClick={question("labels")}>
          {words.editLabels}
        </Button>
        <Button label={words.checkKeyOf(name)} onClick={question("key")}>
          {words.checkKey}
        </Button>
        <Button kind="danger" label={words.removeOf(name)} onClick={question("remove")}>
          {words.remove}
        </Button>
      </div>
      <p class="hint">{drained ? words.undrainMeans : words.drainMeans}</p>
      <Wrong>{wrong.value}</Wrong>
    </>
  );
}

/** What else is known of a machine, and what can be done with it. */
export const Details = ({ id, machine }: { id: string; machine: Machine }) => (
  <div class="details" id={id}>
    <dl>
      <dt>{words.facts}</dt>
      <dd>
        <Facts of={machine.facts} />
      </dd>
      <dt>{words.hostKey}</dt>
      <dd>
        {machine.host_key_fingerprint ? (
          <bdi>
            <code>{machine.host_key_fingerprint}</code>
          </bdi>
        ) : (
          <span class="quiet">{words.noKey}</span>
        )}
      </dd>
      <dt>{words.since}</dt>
      <dd>
        <At at={machine.state_changed_at} />
      </dd>
    </dl>
    <Buttons machine={machine} />
  </div>
);
