import { signal } from "@preact/signals";
import { api, ask } from "../data/api.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { text } from "../text/text.ts";
import { closeDetails, details, loadSeries, notice, type Occurrence, type Series } from "./list.ts";
import { localTimeOf } from "./words.ts";

const words = text.series;

/** To leave an occurrence out, or to end a series from one on; without one: now. */
interface Asked {
  series: Series;
  what: "end" | "leave out";
  occurrence: Occurrence | undefined;
}
/** What was asked for. */
export const asking = signal<Asked | undefined>(undefined);
const close = () => {
  asking.value = undefined;
};

/** How many booked occurrences go; undefined: not known here. */
function goingOf(id: string, from: string | undefined): number | undefined {
  const its = details.value.get(id)?.occurrences;
  return its?.filter(({ state, starts_at }) => state === "booked" && (!from || starts_at >= from)).length;
}

/** Says what will happen to whom, asks once, and does it. */
function Question({ series, what, occurrence }: Asked) {
  const { busy, wrong, act } = useAct<"act">();
  const { id, username } = series;
  const when = occurrence && localTimeOf(occurrence.local_time);
  const go = () =>
    act("act", async () => {
      if (what === "leave out" && occurrence) await ask(api.reservations({ id: occurrence.id }).delete());
      else {
        const query = occurrence ? { from: occurrence.starts_at } : {};
        await ask(api.series({ id }).delete(undefined, { query }));
      }
      notice.value = what === "end" ? words.ended : words.wasLeftOut;
      if (what === "end" && !occurrence) closeDetails(id);
      close();
      await loadSeries();
    });
  const going = goingOf(id, occurrence?.starts_at);
  return (
    <Dialog
      title={what === "end" ? words.endTitle(username, when) : words.leaveOutTitle(username, when ?? "")}
      act={what === "end" ? words.doEnd : words.doLeaveOut}
      kind="danger"
      busy={busy.value !== ""}
      onAct={() => void go()}
      onClose={close}
    >
      <p>
        <bdi>{what === "end" ? words.endMeans(username, going) : words.leaveOutMeans(username)}</bdi>
      </p>
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}

/** The question that is open. */
export function Asking() {
  const open = asking.value;
  return open ? <Question key={`${open.what} ${open.occurrence?.id ?? open.series.id}`} {...open} /> : null;
}
