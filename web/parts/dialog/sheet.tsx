import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { text } from "../../text/text.ts";
import { Button } from "../button.tsx";
import { useModal } from "./modal.ts";

interface Props {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}

/** Shows something over the page, until it is closed. The focus returns to where it was. */
export function Sheet({ title, children, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useModal(dialog, onClose);
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby={id}>
      <h3 id={id}>
        <bdi>{title}</bdi>
      </h3>
      {children}
      {/* At its top right, but last for the keyboard: what it is for comes first. */}
      <div class="close">
        <Button onClick={onClose} label={text.timeline.close}>
          ×
        </Button>
      </div>
    </dialog>
  );
}
