// The server's clock, whatever the browser's says: each response has a Date, and the time it took limits the error.
import { signal } from "@preact/signals";

/** The server's time minus performance.now(), in ms: at least and at most. */
let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/** Learns from a response. @param sent, received by performance.now() @param date its header, in whole seconds */
export function learn(sent: number, received: number, date: string | null): void {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return;
  const [from, to] = [at - received, at + 1000 - sent];
  // Neither: a clock was set, or this computer slept.
  if (from > most || to < least) [least, most] = [from, to];
  else [least, most] = [Math.max(least, from), Math.min(most, to)];
  second.value = now();
}

/** The server's time, in ms since 1970. */
export function now(): number {
  const offset = Number.isFinite(least) ? (least + most) / 2 : Date.now() - performance.now();
  return performance.now() + offset;
}

/** The same, every second: whoever reads it is drawn again. */
export const second = signal(now());
setInterval(() => {
  second.value = now();
}, 1000);
