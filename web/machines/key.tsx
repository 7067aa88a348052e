import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Machine } from "../data/machines.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { text } from "../text/text.ts";
import { closeQuestion, shownKey, tryNow } from "./change.ts";
import { Reason } from "./ill.tsx";

const words = text.machines;

/** A host key to compare. @param full "type base64", if it is known */
export const Print = ({
  name,
  print,
  full,
}: {
  name: string;
  print: string | null;
  full?: string | null;
}) => (
  <div class="print">
    <strong>{name}</strong>
    <bdi>
      <code>{print ?? words.noKey}</code>
    </bdi>
    {full && <bdi class="hint">{full.split(" ")[0]}</bdi>}
  </div>
);

/** How to see on the machine itself which key it has. @param full "type base64" */
export const Compare = ({ full }: { full: string }) => (
  <p class="hint">
    {words.compare}{" "}
    <code>{`ssh-keygen -lf /etc/ssh/ssh_host_${/ecdsa|ed25519|rsa/.exec(full)?.[0]}_key.pub`}</code>
  </p>
);

/** Shows the host key that we know beside the one that the machine shows now, and accepts that one. */
export function Key({ machine: { name, host_key_fingerprint: known } }: { machine: Machine }) {
  const { busy, wrong, act } = useAct<"look" | "accept" | "try">();
  const shown = useSignal<Awaited<ReturnType<typeof shownKey>> | undefined>(undefined);
  const look = () =>
    act("look", async () => {
      shown.value = await shownKey(name);
    });
  useEffect(() => void look(), []);
  const now = shown.value;
  const isNew = now?.host_key_fingerprint !== known;
  const isSeen = Boolean(now?.host_key);
  const go = async () => {
    if (!now?.host_key) return look();
    const { host_key } = now;
    const done = await act(isNew ? "accept" : "try", () => tryNow(name, isNew ? { host_key } : {}));
    if (done) closeQuestion();
  };
  const acts = isNew ? words.accept : words.tryNow;
  return (
    <Dialog
      title={words.keyTitle(name)}
      act={isSeen ? acts : text.tryAgain}
      kind={isSeen && isNew ? "danger" : "main"}
      busy={busy.value !== ""}
      onAct={() => void go()}
      onClose={closeQuestion}
    >
      <Print name={words.keyKnown} print={known} />
      <div aria-live="polite">
        {busy.value === "look" && <p class="quiet">{words.connecting}</p>}
        {now?.host_key && (
          <>
            <Print name={words.keyShown} print={now.host_key_fingerprint} full={now.host_key} />
            <p class={isNew ? "alert" : ""}>{isNew ? words.acceptMeans : words.keySame}</p>
            {isNew && <Compare full={now.host_key} />}
          </>
        )}
        {now && !now.host_key && <Reason fault={now.fault} error={now.last_error} />}
      </div>
      <Wrong>{wrong.value}</Wrong>
    </Dialog>
  );
}
