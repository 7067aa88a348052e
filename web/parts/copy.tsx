import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";
import { announce } from "./live.tsx";

const SHOWN_MS = 2000;

/** Text to copy, in one line or several. @param name what it is, for a screen reader */
export function Copy({ children: value, name }: { children: string; name: string }) {
  const copied = useSignal(false);
  const failed = useSignal(false);
  const code = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      // The browser or its settings forbid it: selected, it can be copied by hand.
      if (code.current) getSelection()?.selectAllChildren(code.current);
      failed.value = true;
      return announce(text.yours.selected);
    }
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
        <code ref={code}>{value}</code>
      </pre>
      <Button onClick={copy} label={text.yours.copyOf(name)}>
        {copied.value ? text.yours.copied : text.yours.copy}
      </Button>
      {failed.value && <p class="hint">{text.yours.selected}</p>}
    </div>
  );
}
