import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** Opens a dialog for as long as it is there, and returns the focus to where it was. */
export function useModal(dialog: RefObject<HTMLDialogElement | null>): void {
  useEffect(() => {
    const element = dialog.current;
    const from = document.activeElement;
    element?.showModal();
    return () => {
      // It is off the page by now, with its reference: it no longer returns the focus by itself.
      element?.close();
      if (from instanceof HTMLElement && document.activeElement === document.body) from.focus();
    };
  }, []);
}

/** Gives the focus to the page if what had it goes with what is drawn next. */
export function keepFocus(): void {
  requestAnimationFrame(() =>
    setTimeout(() => {
      if (document.activeElement === document.body) document.querySelector("main")?.focus();
    }),
  );
}
