import { useSignal } from "@preact/signals";
import { api, ask, NO_ANSWER, refusalOf } from "../data/api.ts";
import { type Reservation, refresh } from "../data/reservations.ts";
import { Dialog } from "../parts/dialog.tsx";
import { announce } from "../parts/live.tsx";
import { text } from "../text/text.ts";

const words = text.yours;

/** Says what releasing means, asks once, and releases. */
export function Release({ it, onClose }: { it: Reservation; onClose: () => void }) {
  const busy = useSignal(false);
  const wrong = useSignal("");
  const names = it.machines.map(({ machine }) => machine).join(", ") || it.username;
  const release = async () => {
    [busy.value, wrong.value] = [true, ""];
    try {
      const { pending } = await ask(api.reservations({ id: it.id }).delete());
      announce(pending.length > 0 ? words.pending : words.released);
      onClose();
      await refresh(it.id);
    } catch (error) {
      const { code, message } = refusalOf(error);
      wrong.value = code === NO_ANSWER ? text.noAnswer : message;
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog
      title={words.releaseTitle(names)}
      act={busy.value ? words.releasing : words.doRelease}
      kind="danger"
      busy={busy.value}
      onAct={release}
      onClose={onClose}
    >
      <p>{it.state === "active" ? words.releaseMeans(it.username) : words.giveUpMeans}</p>
      {wrong.value && (
        <p class="alert" role="alert">
          {wrong.value}
        </p>
      )}
    </Dialog>
  );
}
