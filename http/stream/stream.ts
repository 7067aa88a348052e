import type { Deps } from "../../deps.ts";
import { type Follower, follow, type Told } from "../../pool/audit/follow.ts";
import type { Seen } from "../../pool/audit/tail.ts";
import type { Principal } from "../../pool/identity/principal.ts";
import { BEAT, messageOf, resetOf } from "./message.ts";

/** Less than what closes an idle connection on the way. */
const BEAT_MS = 15_000;
/** How often whoever follows proves again who they are, in beats; and at once when a user or a token was changed. */
const BEATS_UNTIL_ASKED = 4;
const CHANGES_PRINCIPALS = /^(user|token|session|login)\./;
/** A client that reads so slowly is cut off, and goes on where it was. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/**
 * A stream of what happens, as server-sent events, for as long as its reader is there and may see it.
 * @param from where the reader was when it was last here
 * @param again who the reader is now; undefined: nobody any more
 */
export function streamOf(
  deps: Deps,
  reader: Principal,
  from: Seen | undefined,
  again: () => Promise<Principal | undefined>,
): ReadableStream<Uint8Array> {
  let end = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (bytes: Uint8Array) => {
          if ((controller.desiredSize ?? 0) < -MOST_UNREAD_BYTES) return end();
          controller.enqueue(bytes);
        };
        const ask = async () => {
          const now = await again().catch(() => reader);
          if (now?.role !== reader.role || now.userId !== reader.userId) end();
        };
        const follower: Follower = {
          see(told: Told[], cursor) {
            send(messageOf(reader, told, cursor));
            if (told.some(({ row }) => CHANGES_PRINCIPALS.test(row.action))) void ask();
          },
          reset: (cursor) => send(resetOf(cursor)),
        };
        const leave = follow(deps, follower, from);
        let beats = 0;
        const beat = setInterval(() => {
          send(BEAT);
          if (++beats % BEATS_UNTIL_ASKED === 0) void ask();
        }, BEAT_MS);
        end = () => {
          end = () => {};
          deps.stopping.signal.removeEventListener("abort", stop);
          clearInterval(beat);
          leave();
          try {
            controller.close();
          } catch {
            // Its reader was quicker.
          }
        };
        const stop = () => end();
        deps.stopping.signal.addEventListener("abort", stop);
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}
