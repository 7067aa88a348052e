import type { Machine } from "../data/machines.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { text } from "../text/text.ts";
import { asking, tryNow } from "./change.ts";

const words = text.machines;

/** Why a machine is quarantined, and what to do about it. */
export const Reason = ({ fault, error }: { fault: string | null; error: string | null }) => (
  <>
    <p>
      <strong>{fault ? (text.faults[fault] ?? fault) : words.notYet}</strong>
      {error && (
        <>
          {" "}
          <bdi class="quiet">{error}</bdi>
        </>
      )}
    </p>
    {fault && words.help[fault] && <p class="help">{words.help[fault]}</p>}
  </>
);

export function Ill({ machine: { name, fault, last_error: error } }: { machine: Machine }) {
  const { busy, wrong, act } = useAct<"try">();
  return (
    <div class="ill">
      <Reason fault={fault} error={error} />
      <div class="buttons">
        {fault === "host_key" && (
          <Button
            kind="main"
            label={words.keyOf(name)}
            onClick={() => {
              asking.value = { name, what: "key" };
            }}
          >
            {words.key}
          </Button>
        )}
        <Button
          label={words.tryNowOf(name)}
          busy={busy.value === "try"}
          onClick={() => void act("try", () => tryNow(name))}
        >
          {busy.value ? words.trying : words.tryNow}
        </Button>
      </div>
      <Wrong>{wrong.value}</Wrong>
    </div>
  );
}
