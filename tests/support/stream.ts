// Reads GET /stream as a browser does.
import { until } from "./until.ts";

export interface Message {
  event: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: as sent
  data: any;
  /** when it came, by performance.now() */
  at: number;
}

/** @param init headers, and how to trust a proxy; `path` for its query */
export function listen(at: { url: string }, init: BunFetchRequestInit & { path?: string } = {}) {
  const stop = new AbortController();
  const messages: Message[] = [];
  const state = { status: 0, id: "", closed: false };
  const take = (block: string) => {
    const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
    if (fields.id !== undefined) state.id = fields.id;
    if (fields.data === undefined) return;
    messages.push({
      event: fields.event,
      id: state.id,
      data: JSON.parse(fields.data),
      at: performance.now(),
    });
  };
  const read = async () => {
    const { path = "/stream", ...rest } = init;
    const answer = await fetch(at.url + path, { ...rest, signal: stop.signal });
    state.status = answer.status;
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      blocks.forEach(take);
    }
  };
  const done = read()
    .catch(() => {})
    .finally(() => {
      state.closed = true;
    });
  return {
    messages,
    state,
    objects: () => messages.filter(({ event }) => event === "event").map(({ data }) => data.object as string),
    /** Resolves when it has been told where it is. */
    ready: () => until("the stream has begun", 10_000, () => state.id !== "", 10),
    stop: () => {
      stop.abort();
      return done;
    },
  };
}
