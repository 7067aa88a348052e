import { now, second } from "../data/clock.ts";
import { durationOf, text, timeOf } from "../text/text.ts";

/** A time of day; the exact instant is on it. */
export const At = ({ at }: { at: string }) => (
  <time dateTime={at} title={at}>
    {timeOf(at, now())}
  </time>
);

/** How long it still lasts, by the server's clock. */
export function TimeLeft({ until }: { until: string }) {
  const ms = Date.parse(until) - second.value;
  return (
    <time class="left" dateTime={until} title={until}>
      {ms > 0 ? text.left(durationOf(ms)) : text.over}
    </time>
  );
}

/** How long it is until then, by the server's clock. */
export function StartsIn({ at }: { at: string }) {
  const ms = Date.parse(at) - second.value;
  return (
    <time class="left" dateTime={at} title={at}>
      {ms > 0 ? text.in(durationOf(ms)) : text.anyMoment}
    </time>
  );
}
