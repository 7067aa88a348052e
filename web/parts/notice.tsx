import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";

/** What was just done, until it is dismissed or the page is left. Its place is there from the start, so that it is read aloud. */
export function Notice({ said }: { said: Signal<string> }) {
  useEffect(
    () => () => {
      said.value = "";
    },
    [said],
  );
  return (
    <div class="notice-place" role="status">
      {said.value && (
        <p class="notice">
          <bdi>{said.value}</bdi>
          <Button
            onClick={() => {
              said.value = "";
              document.querySelector("main")?.focus();
            }}
          >
            {text.yours.dismiss}
          </Button>
        </p>
      )}
    </div>
  );
}
