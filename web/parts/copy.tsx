import { useSignal } from "@preact/signals";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";
import { announce } from "./live.tsx";

const SHOWN_MS = 2000;

/** Text to copy, in one line or several. @param name what it is, for a screen reader */
export function Copy({ children: value, name }: { children: string; name: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    copied.value = true;
    announce(text.yours.copied);
    setTimeout(() => {
      copied.value = false;
    }, SHOWN_MS);
  };
  return (
    <div class="copy">
      {/* It may be wider than the page, so the keyboard must be able to scroll it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      {/* biome-ignore lint/a11y/useSemanticElements: a section would be no text as typed */}
      <pre tabIndex={0} role="region" aria-label={name}>
        <code>{value}</code>
      </pre>
      <Button onClick={copy} label={text.yours.copyOf(name)}>
        {copied.value ? text.yours.copied : text.yours.copy}
      </Button>
    </div>
  );
}
