import { signal } from "@preact/signals";

const said = signal("");

/** Has a screen reader say something, when it has time. */
export function announce(words: string): void {
  // The same words again are a change, too.
  said.value = said.value === words ? `${words}\u00a0` : words;
}

/** Where it is said. In each page once, from the start: a region that appears with its text is not read. */
export const Live = () => (
  <p class="unseen" role="status" aria-live="polite">
    {said}
  </p>
);
