import { api, ask } from "../data/api.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { text } from "../text/text.ts";
import { closeQuestion, load, newToken, notice, type Token } from "./store.ts";

const words = text.users;

/** Says what revoking a token means, asks once, and revokes it. */
export function Revoke({ token: { id, name, user } }: { token: Token }) {
  const { busy, wrong, act } = useAct<"revoke">();
  const go = async () => {
    const done = await act("revoke", async () => {
      await ask(api.tokens({ id }).delete());
      if (newToken.value?.id === id) newToken.value = undefined;
      notice.value = words.revoked(name, user);
      await load();
    });
    if (!done) return;
    closeQuestion();
    document.querySelector("main")?.focus();
  };
  return (
    <Dialog
      title={words.revokeTitle(name, user)}
      act={words.doRevoke}
      kind="danger"
      busy={busy.value !== ""}
      onAct={() => void go()}
      onClose={closeQuestion}
    >
      <p>{words.revokeMeans}</p>
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}
