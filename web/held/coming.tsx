import type { Reservation } from "../data/reservations.ts";
import { At, StartsIn } from "../parts/time.tsx";
import { text } from "../text/text.ts";

const words = text.yours;

/** Before it starts: its place in the queue, and when it will start. */
export const Coming = ({ it }: { it: Reservation }) => (
  <>
    {it.position !== null && <p>{words.position(it.position)}</p>}
    <p>
      {it.starts_at ? (
        <>
          {words.starts} <At at={it.starts_at} /> (<StartsIn at={it.starts_at} />)
        </>
      ) : (
        words.noStart
      )}
      {it.uncertain && <span class="quiet"> {words.uncertain}</span>}
    </p>
    {it.delay_reason && (
      <p class="quiet">
        <bdi>{it.delay_reason}</bdi>
      </p>
    )}
  </>
);
