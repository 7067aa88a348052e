import type { Principal } from "../../pool/identity/principal.ts";
import { HttpProblem } from "../problem.ts";

const WINDOW_MS = 60_000;

/** Requests per user in the current window. Kept in memory, since a row per request would cost more than it saves. */
const counts = new Map<string, number>();
let current = -1;

/**
 * Counts a user's request. ADMIN_TOKEN and an open API have no limit.
 * @param usual requests per minute for users without a limit of their own; 0: no limit
 * @throws HttpProblem rate_limited, naming the limit
 */
export function enforceRate({ userId, maxRequestsPerMinute }: Principal, usual: number): void {
  const most = maxRequestsPerMinute ?? usual;
  if (userId === null || most === 0) return;
  // A monotonic clock: the time of day can be changed.
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
  throw new HttpProblem(
    "rate_limited",
    `You may send ${most} requests a minute; try again in ${wait} seconds`,
    {
      "Retry-After": `${wait}`,
    },
  );
}
