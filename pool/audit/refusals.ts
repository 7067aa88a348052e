import { events } from "../../db/schema/audit.ts";
import type { Actor, AuditDeps } from "./deps.ts";
import { eventOf } from "./events.ts";
import { networkOf } from "./network.ts";

/** Per process: someone who is refused over and over must neither fill the disk nor hide others' refusals. */
const MOST_OF_AN_ADDRESS = 30;
const MOST_OF_ALL = 300;
const MINUTE_MS = 60_000;
/** How many addresses are counted separately in a minute, and how many an event names; the rest is one number. */
const MOST_ADDRESSES = 10_000;
const MOST_NAMED = 20;

const NOBODY: Actor = { name: "nobody", address: "", requestId: "" };

interface Count {
  written: number;
  dropped: number;
}
let since = Number.NEGATIVE_INFINITY;
let counts = new Map<string, Count>();
let written = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function countOf(address: string): Count {
  const key = counts.has(address) || counts.size < MOST_ADDRESSES ? address : "others";
  const count = counts.get(key) ?? { written: 0, dropped: 0 };
  counts.set(key, count);
  return count;
}

/** Ends the minute: one event says how many refusals were not recorded in it, and from where. */
async function endMinute(deps: AuditDeps): Promise<void> {
  const left = [...counts]
    .filter(([, { dropped }]) => dropped > 0)
    .sort(([, a], [, b]) => b.dropped - a.dropped);
  clearTimeout(timer);
  timer = undefined;
  counts = new Map();
  written = 0;
  if (left.length === 0) return;
  const sum = (some: typeof left) => some.reduce((n, [, { dropped }]) => n + dropped, 0);
  const named = left.slice(0, MOST_NAMED).map(([address, { dropped }]) => ({ address, count: dropped }));
  const rest = left.slice(MOST_NAMED);
  await deps.db.insert(events).values(
    eventOf({ actor: NOBODY }, "requests.unrecorded", "requests", {
      count: sum(left),
      addresses: named,
      ...(rest.length > 0 ? { other_addresses: rest.length, of_others: sum(rest) } : {}),
    }),
  );
}

/**
 * Records that a request was refused, on behalf of `deps.actor`: up to 30 a minute per address (an IPv6 /64), 300 in
 * all. The rest is summed up in one event at the end of the minute, whether or not another request comes.
 * @param what method and path, never the query
 * @param clock milliseconds of a monotonic clock
 */
export async function recordRefusal(
  deps: AuditDeps,
  what: string,
  details: { status: number; code: string },
  clock = performance.now(),
): Promise<void> {
  if (clock - since >= MINUTE_MS) {
    since = clock;
    await endMinute(deps);
  }
  const count = countOf(networkOf(deps.actor.address));
  if (count.written >= MOST_OF_AN_ADDRESS || written >= MOST_OF_ALL) {
    count.dropped++;
    timer ??= setTimeout(
      () =>
        void endMinute(deps).catch((error) =>
          deps.log("warn", "refusals could not be counted", { reason: `${error}` }),
        ),
      MINUTE_MS,
    );
    timer.unref();
    return;
  }
  count.written++;
  written++;
  await deps.db.insert(events).values(eventOf(deps, "request.refused", what.slice(0, 140), { ...details }));
}
