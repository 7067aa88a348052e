import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Copy } from "../parts/copy.tsx";
import { text } from "../text/text.ts";
import { newToken } from "./store.ts";

const words = text.users;

/** The token that was just made, shown this once: gone when it is dismissed, or the page is closed. */
export function NewToken() {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  const made = newToken.value;
  useEffect(() => heading.current?.focus(), [made]);
  if (!made) return null;
  return (
    <section class="card fresh" aria-labelledby={id}>
      <h2 id={id} ref={heading} tabIndex={-1}>
        <bdi>{words.newToken(made.name, made.user)}</bdi>
      </h2>
      <p>{words.once}</p>
      <Copy name={words.token}>{made.token}</Copy>
      <p class="hint">
        {words.tokenHow} <code>Authorization: Bearer {made.prefix}…</code>
      </p>
      <div class="buttons">
        <Button
          onClick={() => {
            newToken.value = undefined;
            document.querySelector("main")?.focus();
          }}
        >
          {words.haveIt}
        </Button>
      </div>
    </section>
  );
}
