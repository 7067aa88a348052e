import { useSignal } from "@preact/signals";
import type { ComponentChild } from "preact";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";

/** So many at first, and more on request: a browser lays out ten thousand slowly. */
const STEP = 100;

interface Props<Item> {
  label: string;
  all: Item[];
  row: (item: Item) => ComponentChild;
}

/** A list of any length. */
export function Rows<Item>({ label, all, row }: Props<Item>) {
  const most = useSignal(STEP);
  const left = all.length - most.value;
  return (
    <>
      <ul class="rows" aria-label={label}>
        {all.slice(0, most.value).map(row)}
      </ul>
      {left > 0 && (
        <Button
          onClick={() => {
            most.value += STEP;
          }}
        >
          {text.pool.more(Math.min(left, STEP))}
        </Button>
      )}
    </>
  );
}
