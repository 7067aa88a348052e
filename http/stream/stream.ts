import type { Deps } from "../../deps.ts";
import { type Follower, follow } from "../../pool/audit/follow.ts";
import type { Seen } from "../../pool/audit/tail.ts";
import type { Told } from "../../pool/audit/unseen.ts";
import type { Principal } from "../../pool/identity/principal.ts";
import { BEAT, messageOf, RETRY, resetOf } from "./message.ts";

/** Less than what closes an idle connection on the way. */
const BEAT_MS = 15_000;
/** How often whoever follows proves again who they are, in beats; a token may expire. */
const BEATS_UNTIL_ASKED = 4;
/** A client that reads so slowly is cut off, and goes on where it was. */
const MOST_UNREAD_BYTES = 1024 * 1024;

const CHANGES_USER = ["user.changed", "user.deleted", "session.ended"];

/** Whether somebody may be another one, or nobody, after an event. */
const concerns =
  ({ name, userName }: Principal) =>
  ({ row: { action, object, details } }: Told) =>
    action === "token.deleted"
      ? details.user === userName
      : CHANGES_USER.includes(action) && object === (userName ?? name);

/**
 * A stream of what happens, as server-sent events, for as long as its reader is there and may see it.
 * @param from where the reader was when it was last here
 * @param again who the reader is now; undefined: nobody any more
 * @param onEnd is called once, when it has ended
 */
export function streamOf(
  deps: Deps,
  reader: Principal,
  from: Seen | undefined,
  again: () => Promise<Principal | undefined>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  let end: (error?: Error) => void = onEnd;
  const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    let over = false;
    const send = (bytes: Uint8Array) => {
      if (over) return;
      if ((controller.desiredSize ?? 0) < -MOST_UNREAD_BYTES) return end(new Error("It is read too slowly"));
      try {
        controller.enqueue(bytes);
      } catch {
        end(); // Its reader has gone, and nobody has said so.
      }
    };
    /** @param unknown who they are if nobody can be asked */
    const ask = async (unknown: Principal | undefined) => {
      const now = await again().catch(() => unknown);
      if (now?.role !== reader.role || now.userId !== reader.userId) end();
    };
    /** while it has yet to be seen whether they are still who they were; at first, since they may have changed before it began */
    let doubt: Promise<unknown> | undefined;
    let isNew = true;
    const say = (bytes: Uint8Array, isDoubtful = false) => {
      if (isNew || isDoubtful) {
        const asked = Promise.all([doubt, ask(undefined)]);
        doubt = asked;
        void asked
          .then(() => send(bytes))
          .then(() => {
            if (doubt === asked) doubt = undefined;
          });
      } else if (doubt) void doubt.then(() => send(bytes));
      else send(bytes);
      isNew = false;
    };
    const follower: Follower = {
      see: (told, cursor) => say(messageOf(reader, told, cursor), told.some(concerns(reader))),
      reset: (cursor) => say(resetOf(cursor)),
    };
    const leave = follow(deps, follower, from);
    let beats = 0;
    const beat = setInterval(() => {
      send(BEAT);
      if (++beats % BEATS_UNTIL_ASKED === 0) void ask(reader);
    }, BEAT_MS);
    const { signal } = deps.stopping;
    const stop = () => end();
    end = (error) => {
      if (over) return;
      over = true;
      signal.removeEventListener("abort", stop);
      clearInterval(beat);
      leave();
      onEnd();
      try {
        // What a slow reader has not read is dropped.
        if (error) controller.error(error);
        else controller.close();
      } catch {
        // Its reader was quicker.
      }
    };
    signal.addEventListener("abort", stop);
    send(RETRY);
    if (signal.aborted) end();
  };
  return new ReadableStream<Uint8Array>(
    { start, cancel: () => end() },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}
