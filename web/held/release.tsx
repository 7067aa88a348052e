import { signal, useSignal } from "@preact/signals";
import { api, ask } from "../data/api.ts";
import { type Reservation, refresh } from "../data/reservations.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { keepFocus } from "../parts/dialog/modal.ts";
import { Notice } from "../parts/notice.tsx";
import { At } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { namesOf } from "./names.ts";

const words = text.yours;

/** What was just released: it is no longer on the page to say so. */
const released = signal("");
export const Released = () => <Notice said={released} />;

interface WhichProps {
  all: string[];
  chosen: Set<string>;
  onChange: (chosen: Set<string>) => void;
}

/** Which of its machines; at first all of them. */
function Which({ all, chosen, onChange }: WhichProps) {
  const toggle = (name: string) => () => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    onChange(next);
  };
  return (
    <fieldset class="which">
      <legend>{words.which}</legend>
      <label class="check">
        <input
          type="checkbox"
          checked={chosen.size === all.length}
          onChange={() => onChange(new Set(chosen.size === all.length ? [] : all))}
        />
        {words.allOf(all.length)}
      </label>
      <div class="which-list">
        {all.map((name) => (
          <label key={name} class="check">
            <input type="checkbox" checked={chosen.has(name)} onChange={toggle(name)} />
            <bdi>{name}</bdi>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** What it means, and to whom. */
function Meaning({ it, going, isAll }: { it: Reservation; going: string[]; isAll: boolean }) {
  if (it.state !== "active") return <p>{words.giveUpMeans}</p>;
  if (going.length === 0) return <p>{words.none}</p>;
  return (
    <>
      <p>
        <bdi>{words.releaseMeans(it.username, namesOf(going))}</bdi>
      </p>
      <p>
        {isAll ? words.itEnds : words.restGoesOn(it.machines.length - going.length)}
        {!isAll && it.ends_at && (
          <>
            {" "}
            <At at={it.ends_at} />.
          </>
        )}
      </p>
    </>
  );
}

/** Says what releasing one machine, some or all means, asks once, and releases. */
export function Release({ it, onClose }: { it: Reservation; onClose: () => void }) {
  const all = it.machines.map(({ machine }) => machine);
  const chosen = useSignal(new Set(all));
  const { busy, wrong, act } = useAct<"release">();
  const going = all.filter((name) => chosen.value.has(name));
  const isAll = going.length === all.length;
  const release = () => {
    if (!isAll && going.length === 0) {
      wrong.value = words.none;
      return;
    }
    void act("release", async () => {
      const its = api.reservations({ id: it.id });
      const { pending } = await (isAll ? ask(its.delete()) : ask(its.release.post({ machines: going })));
      released.value =
        it.state !== "active" ? words.givenUp : pending.length > 0 ? words.pending : words.released;
      onClose();
      await refresh(it.id);
      keepFocus();
    });
  };
  return (
    <Dialog
      title={words.releaseTitle(namesOf(going.length > 0 ? going : all) || it.username)}
      act={busy.value ? words.releasing : words.doRelease}
      kind="danger"
      busy={busy.value !== ""}
      onAct={release}
      onClose={onClose}
    >
      {it.state === "active" && all.length > 1 && (
        <Which
          all={all}
          chosen={chosen.value}
          onChange={(next) => {
            [chosen.value, wrong.value] = [next, ""];
          }}
        />
      )}
      <Meaning it={it} going={going} isAll={isAll} />
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}
