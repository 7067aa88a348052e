import type { Refusal } from "../data/api.ts";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";

/** Why something could not be loaded, and a way to try again. */
export const Trouble = ({ of, again }: { of: Refusal; again: () => unknown }) => (
  <div class="empty" role="alert">
    <p>
      <bdi>{of.message || text.noAnswer}</bdi>
    </p>
    <Button onClick={() => void again()}>{text.tryAgain}</Button>
  </div>
);
