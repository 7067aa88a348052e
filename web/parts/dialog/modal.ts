import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * Opens a dialog for as long as it is there, and returns the focus to where it was.
 * @param onClose takes it off the page. Not the browser: it would return the focus at once, and say a moment later that it has
 * closed, which would take what was opened in between off the page
 */
export function useModal(dialog: RefObject<HTMLDialogElement | null>, onClose: () => void): void {
  const latest = useRef(onClose);
  latest.current = onClose;
  useEffect(() => {
    const element = dialog.current;
    const from = document.activeElement;
    const gone = new AbortController();
    const { signal } = gone;
    const close = (event: Event) => {
      if (event.target !== element) return;
      event.preventDefault();
      latest.current();
    };
    // By Escape; and by whatever else a browser closes it.
    for (const name of ["cancel", "close"]) element?.addEventListener(name, close, { signal });
    element?.showModal();
    return () => {
      gone.abort();
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
