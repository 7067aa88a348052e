import { useSignal } from "@preact/signals";
import { api, ask, NO_ANSWER, refusalOf } from "../data/api.ts";
import { now } from "../data/clock.ts";
import { type Reservation, refresh } from "../data/reservations.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { announce } from "../parts/live.tsx";
import { At } from "../parts/time.tsx";
import { text, timeOf } from "../text/text.ts";

const words = text.yours;

/** Asks for how long, and extends it. */
export function Extend({ it, onClose }: { it: Reservation; onClose: () => void }) {
  const minutes = useSignal("30");
  const atMost = useSignal(false);
  const busy = useSignal(false);
  const wrong = useSignal("");
  /** the longest possible end, once the API has said it */
  const longest = useSignal<string | undefined>(undefined);
  const extend = async () => {
    [busy.value, wrong.value] = [true, ""];
    try {
      const wanted = Number(minutes.value) || (minutes.value as unknown as number);
      const { ends_at } = await ask(
        api.reservations({ id: it.id }).extend.post({ minutes: wanted, at_most: atMost.value }),
      );
      await refresh(it.id);
      if (ends_at) announce(words.extended(timeOf(ends_at, now())));
      onClose();
    } catch (error) {
      const { code, message, details } = refusalOf(error);
      wrong.value = code === NO_ANSWER ? text.noAnswer : message;
      longest.value = details.find(({ until }) => until)?.until;
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog
      title={words.extendTitle(it.username)}
      act={words.doExtend}
      kind="main"
      busy={busy.value}
      onAct={extend}
      onClose={onClose}
    >
      <p class="quiet">
        {words.until} {it.ends_at && <At at={it.ends_at} />}
      </p>
      <Field
        label={words.more}
        type="number"
        min={1}
        value={minutes.value}
        error={wrong.value}
        onValue={(value) => {
          [minutes.value, wrong.value] = [value, ""];
        }}
      />
      {longest.value && <p>{words.longest(timeOf(longest.value, now()))}</p>}
      <label class="check">
        <input
          type="checkbox"
          checked={atMost.value}
          onChange={(event) => {
            atMost.value = event.currentTarget.checked;
          }}
        />
        {words.asLongAs}
      </label>
    </Dialog>
  );
}
