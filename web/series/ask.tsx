import { signal, useSignal } from "@preact/signals";
import { api, ask, NO_ANSWER, refusalOf } from "../data/api.ts";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { announce } from "../parts/live.tsx";
import { text } from "../text/text.ts";
import { closeDetails, details, loadSeries, type Occurrence, type Series } from "./list.ts";
import { localTimeOf } from "./words.ts";

const words = text.series;

/** What was asked for: to leave an occurrence out, or to end a series from one on; without one: now. */
export const asking = signal<
  { series: Series; what: "end" | "leave out"; occurrence: Occurrence | undefined } | undefined
>(undefined);
const close = () => {
  asking.value = undefined;
};

/** How many booked occurrences go; undefined: not known here. */
function goingOf(id: string, from: string | undefined): number | undefined {
  const its = details.value.get(id)?.occurrences;
  return its?.filter(({ state, starts_at }) => state === "booked" && (!from || starts_at >= from)).length;
}

/** Says what will happen to whom, asks once, and does it. */
export function Asking() {
  const busy = useSignal(false);
  const wrong = useSignal("");
  const open = asking.value;
  if (!open) return null;
  const { series, what, occurrence } = open;
  const { id, username } = series;
  const when = occurrence && localTimeOf(occurrence.local_time);
  const act = async () => {
    [busy.value, wrong.value] = [true, ""];
    try {
      if (what === "leave out" && occurrence) await ask(api.reservations({ id: occurrence.id }).delete());
      else {
        const query = occurrence ? { from: occurrence.starts_at } : {};
        await ask(api.series({ id }).delete(undefined, { query }));
      }
      announce(what === "end" ? words.ended : words.wasLeftOut);
      if (what === "end" && !occurrence) closeDetails(id);
      close();
      await loadSeries();
    } catch (error) {
      const { code, message } = refusalOf(error);
      wrong.value = code === NO_ANSWER ? text.noAnswer : message;
    } finally {
      busy.value = false;
    }
  };
  const going = goingOf(id, occurrence?.starts_at);
  return (
    <Dialog
      title={what === "end" ? words.endTitle(username, when) : words.leaveOutTitle(username, when ?? "")}
      act={what === "end" ? words.doEnd : words.doLeaveOut}
      kind="danger"
      busy={busy.value}
      onAct={act}
      onClose={() => {
        wrong.value = "";
        close();
      }}
    >
      <p>
        <bdi>{what === "end" ? words.endMeans(username, going) : words.leaveOutMeans(username)}</bdi>
      </p>
      {wrong.value && (
        <p class="alert" role="alert">
          {wrong.value}
        </p>
      )}
    </Dialog>
  );
}
