// Clients that reserve and release without pause, each request under a unique name.
import { call } from "../../support/program.ts";
import type { Asked, Ledger } from "./ledger.ts";

export interface Load {
  /** Sends no more requests, and waits for those in progress. */
  stop(): Promise<void>;
  /** For all requests since the last call: the slowest answer, timed from `since` (or its own start), and the answers by status. */
  since(): { slowest: number; statuses: Record<string, number> };
  mark(): void;
}

/**
 * @param next the address of the next request's server: several APIs take turns
 * @param many how many clients
 */
export function startClients(
  ledger: Ledger,
  next: () => { url: string },
  many: number,
  random: () => number,
  prefix = "c",
): Load {
  let going = true;
  let count = 0;
  let faultAt = 0;
  let slowest = 0;
  let statuses: Record<string, number> = {};
  const tally = (status: number | string, from: number) => {
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (faultAt > 0) slowest = Math.max(slowest, performance.now() - Math.max(from, faultAt));
  };
  const kept: Asked[] = [];
  /** Like a client that wants to release it: repeats until it is over. */
  const release = async (entry: Asked) => {
    for (;;) {
      const from = performance.now();
      const status = await ledger.release(next(), entry);
      tally(`DELETE ${status || "none"}`, from);
      if ((status > 0 && status < 500) || !going) return;
      await Bun.sleep(100 + 200 * random());
    }
  };
  const client = async () => {
    while (going) {
      const from = performance.now();
      const key = random() < 0.5 ? crypto.randomUUID() : undefined;
      const username = `${prefix}${++count}`;
      const size = 1 + Math.floor(random() * 2);
      let mine: Asked = await ledger.reserve(next(), username, size, key ? { key } : {});
      tally(mine.status || "none", from);
      // No answer: retry, as clients do, until there is one; "the database is away" doesn't count as one.
      for (let doubt = mine.outcome === "unknown"; key && doubt && going; ) {
        await Bun.sleep(200 * random());
        mine = await ledger.reserve(next(), username, size, { key });
        doubt = mine.outcome === "unknown" || mine.status === 503;
      }
      if (mine.outcome === "granted") {
        await Bun.sleep(200 * random());
        // Always leaves two, so that there are active ones to check at the end.
        kept.push(mine);
        const oldest = kept.length > 2 ? kept.shift() : undefined;
        if (oldest) await release(oldest);
      } else {
        const asked = performance.now();
        const status = await call(next(), "GET", "/available")
          .then((r) => r.status)
          .catch(() => 0);
        tally(`GET ${status}`, asked);
        await Bun.sleep(status === 0 ? 300 + 300 * random() : 30 + 50 * random());
      }
    }
  };
  const all = Array.from({ length: many }, client);
  return {
    async stop() {
      going = false;
      await Promise.all(all);
    },
    since: () => ({ slowest: Math.round(slowest), statuses }),
    mark() {
      faultAt = performance.now();
      slowest = 0;
      statuses = {};
    },
  };
}
