import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, ask, refusalOf } from "../data/api.ts";
import { now } from "../data/clock.ts";
import { type Reservation, refresh } from "../data/reservations.ts";
import { wordsOf } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { announce } from "../parts/live.tsx";
import { At } from "../parts/time.tsx";
import { text, timeOf } from "../text/text.ts";

const words = text.yours;
const MINUTE = 60_000;

interface Longest {
  until: string;
  why: string;
}

/** How long it may last, as the API says it without extending it. */
async function readLongest(id: string): Promise<Longest | undefined> {
  const said = await ask(
    api.reservations({ id }).extend.post({ minutes: 1, at_most: true }, { query: { dry_run: true } }),
  );
  return "longest_end" in said ? { until: said.longest_end, why: said.reason } : undefined;
}

/** Asks for how long, after saying how long it may last at most, and extends it. */
export function Extend({ it, onClose }: { it: Reservation; onClose: () => void }) {
  const minutes = useSignal("30");
  const atMost = useSignal(false);
  const busy = useSignal(false);
  const wrong = useSignal("");
  const longest = useSignal<Longest | undefined>(undefined);
  const look = async () => {
    try {
      longest.value = await readLongest(it.id);
    } catch (error) {
      wrong.value = wordsOf(error);
    }
  };
  useEffect(() => {
    void look();
  }, []);
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
      wrong.value = wordsOf(error);
      const found = refusalOf(error).details.find(({ until }) => until);
      if (found?.until) longest.value = { until: found.until, why: found.message };
    } finally {
      busy.value = false;
    }
  };
  const end = Date.parse(it.ends_at ?? "");
  const most = longest.value && Math.floor((Date.parse(longest.value.until) - end) / MINUTE);
  const wanted = end + Number(minutes.value) * MINUTE;
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
      <div class="longest" role="status">
        {longest.value && (
          <p>
            {words.longest(timeOf(longest.value.until, now()))}{" "}
            <bdi class="quiet">{longest.value.why && `(${longest.value.why})`}</bdi>
          </p>
        )}
        {!longest.value && !wrong.value && <p class="quiet">{words.looking}</p>}
      </div>
      <Field
        label={words.more}
        type="number"
        min={1}
        value={minutes.value}
        error={wrong.value}
        hint={Number.isFinite(wanted) && wanted > end ? words.newEnd(timeOf(wanted, now())) : ""}
        onValue={(value) => {
          [minutes.value, wrong.value] = [value, ""];
        }}
      />
      {most !== undefined && most > 0 && (
        <div class="buttons">
          <Button
            onClick={() => {
              [minutes.value, wrong.value] = [String(most), ""];
            }}
          >
            {words.asLongAs}
          </Button>
        </div>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={atMost.value}
          onChange={(event) => {
            atMost.value = event.currentTarget.checked;
          }}
        />
        {words.orLess}
      </label>
    </Dialog>
  );
}
