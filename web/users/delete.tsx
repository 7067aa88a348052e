import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, ask } from "../data/api.ts";
import { readAll } from "../data/pages.ts";
import { session } from "../data/session.ts";
import { useAct, Wrong, wordsOf } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { text } from "../text/text.ts";
import { closeQuestion, load, notice, tokens, type User } from "./store.ts";

const words = text.users;
const MOST = 1000;

/** The machines that a user has now. */
async function machinesOf(user: string): Promise<string[]> {
  const query = { user, state: "preparing,active,ending", limit: MOST };
  const pages = await readAll((place) => ask(api.reservations.get({ query: { ...query, ...place } })));
  const places = pages.flatMap(({ reservations }) => reservations.flatMap(({ machines }) => machines));
  return places.map(({ machine }) => machine).sort();
}

/** Never that there are none before that is known. */
function heldIn(held: string[] | string | undefined): string {
  if (!Array.isArray(held)) return held ?? text.loading;
  return held.length === 0 ? words.holdsNone : words.holds(held);
}

/** Says what goes with a user, asks once, and deletes them. */
export function Delete({ user: { name } }: { user: User }) {
  const { busy, wrong, act } = useAct<"delete">();
  /** undefined: not known yet; a text: why it isn't */
  const held = useSignal<string[] | string | undefined>(undefined);
  useEffect(() => {
    machinesOf(name)
      .then((names) => {
        held.value = names;
      })
      .catch((error) => {
        held.value = wordsOf(error);
      });
  }, []);
  const count = (tokens.value ?? []).filter((one) => one.user === name).length;
  const go = async () => {
    const done = await act("delete", async () => {
      const { pending } = await ask(api.users({ name }).delete());
      notice.value = words.deleted(name, pending);
      await load();
    });
    if (!done) return;
    closeQuestion();
    document.querySelector("main")?.focus();
  };
  return (
    <Dialog
      title={words.deleteTitle(name)}
      act={busy.value ? words.deleting : words.doDelete}
      kind="danger"
      busy={busy.value !== ""}
      onAct={() => void go()}
      onClose={closeQuestion}
    >
      {session.value?.user === name && <p class="alert">{words.isYou}</p>}
      <p>{words.deleteMeans(count)}</p>
      <p role="status">
        <bdi>{heldIn(held.value)}</bdi>
      </p>
      <p class="quiet">{words.deleteLater}</p>
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}
