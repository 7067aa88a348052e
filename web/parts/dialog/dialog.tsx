import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { text } from "../../text/text.ts";
import { Button } from "../button.tsx";
import { useModal } from "./modal.ts";

interface Props {
  title: string;
  children: ComponentChildren;
  /** the button that does it */
  act: string;
  kind: "main" | "danger";
  busy: boolean;
  onAct: () => void;
  onClose: () => void;
}

/** Asks once. The browser keeps the focus inside, closes it with Escape, and returns the focus to where it was. */
export function Dialog({ title, children, act, kind, busy, onAct, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useModal(dialog, onClose);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!busy) onAct();
  };
  return (
    <dialog ref={dialog} aria-labelledby={id}>
      <form onSubmit={submit} noValidate>
        <h3 id={id}>
          <bdi>{title}</bdi>
        </h3>
        {children}
        <div class="buttons">
          <Button type="submit" kind={kind} busy={busy}>
            {act}
          </Button>
          {/* Enter twice must not do what can't be undone. */}
          <Button autofocus={kind === "danger"} onClick={onClose}>
            {text.yours.cancel}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
