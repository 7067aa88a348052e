import type { Machine } from "../data/machines.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { TimeLeft } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { closeQuestion, remove } from "./change.ts";

const words = text.machines;

/** Says who is on it and what removing it means, asks once, and removes it. */
export function Remove({ machine }: { machine: Machine }) {
  const { busy, wrong, act } = useAct<"remove">();
  const { name, holder, state, reservation_ends_at: until } = machine;
  const force = holder !== null || ["preparing", "cleaning", "reserved"].includes(state);
  const go = async () => {
    if (!(await act("remove", () => remove(name, force)))) return;
    closeQuestion();
    document.querySelector("main")?.focus();
  };
  const acts = force ? words.doForce : words.doRemove;
  return (
    <Dialog
      title={words.removeTitle(name)}
      act={busy.value ? words.removing : acts}
      kind="danger"
      busy={busy.value !== ""}
      onAct={() => void go()}
      onClose={closeQuestion}
    >
      {holder && (
        <p>
          <strong>
            <bdi>{words.isOn(holder.username)}</bdi>
          </strong>{" "}
          {until && <TimeLeft until={until} />}
        </p>
      )}
      <p>{force ? words.forceMeans(holder?.username) : words.removeMeans}</p>
      {force && <p class="quiet">{words.forceDirty}</p>}
      <p class="quiet">{words.bookingsMove}</p>
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}
