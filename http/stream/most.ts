import type { Principal } from "../../pool/identity/principal.ts";
import { HttpProblem } from "../problem.ts";

/** A class that shares a user, with some pages each. */
const MOST_STREAMS = 200;
/** Until those of a page that was closed are noticed. */
const RETRY_AFTER_SECONDS = 15;

/** How many streams each user has open in this process. */
const open = new Map<string, number>();

/**
 * Counts a user's stream. ADMIN_TOKEN and an open API have no limit.
 * @returns is to be called when it ends
 * @throws HttpProblem rate_limited
 */
export function countStream({ userId }: Principal): () => void {
  if (userId === null) return () => {};
  const count = open.get(userId) ?? 0;
  if (count >= MOST_STREAMS)
    throw new HttpProblem(
      "rate_limited",
      `You have ${MOST_STREAMS} streams open, which is as many as you may; close one`,
      { "Retry-After": `${RETRY_AFTER_SECONDS}` },
    );
  open.set(userId, count + 1);
  return () => {
    const left = (open.get(userId) ?? 1) - 1;
    if (left > 0) open.set(userId, left);
    else open.delete(userId);
  };
}
