import type { Principal } from "../../pool/identity/principal.ts";
import { HttpProblem } from "../problem.ts";

const WINDOW_MS = 60_000;

/** Of the window that is now: by user. In memory, since a row for each request would cost more than it saves. */
const counts = new Map<string, number>();
let current = -1;

/**
 * Counts a request of a user; the ADMIN_TOKEN and an open API have no limit.
 * @param usual how many a minute whoever has no limit of their own may send; 0: no limit
 * @throws HttpProblem rate_limited, with the limit named
 */
export function holdToRate({ userId, maxRequestsPerMinute }: Principal, usual: number): void {
  const most = maxRequestsPerMinute ?? usual;
  if (userId === null || most === 0) return;
  // Not the time of day, which may be set.
  const now = performance.now();
  const window = Math.floor(now / WINDOW_MS);
  if (window !== current) counts.clear();
  current = window;
  const count = (counts.get(userId) ?? 0) + 1;
  if (count <= most) {
    counts.set(userId, count);
    return;
  }
  const wait = Math.ceil(((window + 1) * WINDOW_MS - now) / 1000);
  throw new HttpProblem("rate_limited", `You may send ${most} requests a minute; go on in ${wait} seconds`, {
    "Retry-After": `${wait}`,
  });
}
