import type { Signal } from "@preact/signals";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";

/** What was just done, until it is dismissed. Its place is there from the start, so that it is read aloud. */
export const Notice = ({ said }: { said: Signal<string> }) => (
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
