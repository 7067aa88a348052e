import type { Kind } from "../data/machines.ts";
import { text } from "../text/text.ts";

/** Shapes that differ without colour, in a box of 16. */
const SHAPES: Record<Kind, string> = {
  free: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 2.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z",
  taken: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z",
  preparing: "M8 2l6.5 11.5h-13z",
  cleaning: "M2 9.5C4 6 6 6 8 8s4 2 6-1.5v3C12 13 10 13 8 11s-4-2-6 1.5z",
  quarantined:
    "M3.8 2L8 6.200 12.200 2 14 3.800 9.800 8 14 12.200 12.200 14 8 9.800 3.800 14 2 12.200 6.200 8 2 3.800z",
  drained: "M3 2.500h3.500v11H3zM9.500 2.500H13v11H9.500z",
  removing: "M2 6.500h12v3H2z",
};

/** A state in shape and colour; the words are beside it. */
export const Shape = ({ kind }: { kind: Kind }) => (
  <svg class={`shape is-${kind}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    <path d={SHAPES[kind]} fill-rule="evenodd" />
  </svg>
);

/** A machine's state, in shape, colour and words. */
export const Badge = ({ kind }: { kind: Kind }) => (
  <span class={`badge is-${kind}`}>
    <Shape kind={kind} />
    {text.kinds[kind]}
  </span>
);
