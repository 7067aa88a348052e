import { useSignal } from "@preact/signals";
import type { ComponentChild } from "preact";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";

interface MoreProps {
  /** how many are not shown yet */
  left: number;
  /** how many are shown next */
  step: number;
  onMore: () => void;
}

/** Shows more of a list that is shown by parts. */
export const More = ({ left, step, onMore }: MoreProps) =>
  left > 0 ? <Button onClick={onMore}>{text.pool.more(Math.min(left, step))}</Button> : null;

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
      <More
        left={left}
        step={STEP}
        onMore={() => {
          most.value += STEP;
        }}
      />
    </>
  );
}
