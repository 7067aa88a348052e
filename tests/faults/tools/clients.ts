// Clients that reserve and release without pause, each request under a unique name. A share of them wait in the queue, book
// ahead, extend what they have, release single machines of it, and change their minds while they wait.
import { call } from "../../support/program.ts";
import { until } from "../../support/until.ts";
import type { Checkable } from "./checker.ts";
import type { Asked, Ledger, More } from "./ledger.ts";

export interface Load {
  /** Sends no more requests, and waits for those in progress. */
  stop(): Promise<void>;
  /** For all requests since the last call: the slowest answer, timed from `since` (or its own start), and the answers by status. */
  since(): { slowest: number; statuses: Record<string, number> };
  mark(): void;
}

/** Takes out all who wait, then releases all who have machines; until none is left. */
export const releaseAll = (pool: Checkable, api: { url: string }, milliseconds = 60_000) =>
  until("all is released", milliseconds, async () => {
    const ids = await pool
      .sql("SELECT id FROM reservations WHERE state IN ('queued', 'booked')")
      .catch(() => [{ id: "" }]);
    for (const { id } of ids) await call(api, "DELETE", `/reservations/${id}`);
    const { status } = await call(api, "POST", "/release_all");
    // A machine may have gone to somebody who waited meanwhile.
    return ids.length === 0 && status === 200;
  });

/** How many bookings are kept for later: they keep others from their machines. */
const MOST_BOOKED = 1;

/**
 * @param next the address of the next request's server: several APIs take turns
 * @param many how many clients
 * @param ahead the share of them that wait or book ahead, extend and reduce
 */
export function startClients(
  ledger: Ledger,
  next: () => { url: string },
  many: number,
  random: () => number,
  prefix = "c",
  ahead = 0,
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
  const booked: Asked[] = [];
  /** In seconds: within the lead, so that it starts at once or soon; or later. */
  const someTime = () => (random() < 0.5 ? 1 + 20 * random() : 70 + 120 * random());
  const plan = (): More => {
    if (random() >= ahead) return {};
    if (random() < 0.7)
      return { wait: 600, duration: 15 + Math.floor(45 * random()), replace: random() < 0.2 };
    return { startsAt: new Date(Date.now() + 1000 * someTime()), duration: 15 };
  };
  /** Waits for its start, or changes its mind. */
  const wait = async (mine: Asked, { startsAt }: More) => {
    if (startsAt && startsAt.getTime() - Date.now() > 60_000) {
      booked.push(mine);
      const oldest = booked.length > MOST_BOOKED ? booked.shift() : undefined;
      if (oldest) await release(oldest);
      return;
    }
    while (going && mine.outcome === "waits") {
      if (random() < 0.15) return release(mine);
      // What is kept for the end must not keep everybody waiting until then.
      const oldest = random() < 0.3 ? kept.shift() : undefined;
      if (oldest) await release(oldest);
      const status = await ledger.follow(next(), mine, 2);
      if (status === 410 || status === 404) return;
      if (status === 0 || status >= 500) await Bun.sleep(300 * random());
    }
  };
  const use = async (mine: Asked) => {
    if (random() >= ahead) return;
    const from = performance.now();
    if (random() < 0.6)
      tally(`extend ${await ledger.extend(next(), mine, 1 + Math.floor(30 * random()))}`, from);
    else if (mine.count > 1) tally(`reduce ${await ledger.reduce(next(), mine, "node1")}`, from);
  };
  const client = async () => {
    while (going) {
      const from = performance.now();
      const key = random() < 0.5 ? crypto.randomUUID() : undefined;
      const username = `${prefix}${++count}`;
      const size = 1 + Math.floor(random() * 2);
      const more = { ...plan(), ...(key ? { key } : {}) };
      let mine: Asked = await ledger.reserve(next(), username, size, more);
      tally(mine.status || "none", from);
      // No answer: retry, as clients do, until there is one; "the database is away" doesn't count as one.
      for (let doubt = mine.outcome === "unknown"; key && doubt && going; ) {
        await Bun.sleep(200 * random());
        mine = await ledger.reserve(next(), username, size, more);
        doubt = mine.outcome === "unknown" || mine.status === 503;
      }
      if (mine.outcome === "waits") await wait(mine, more);
      if (mine.ended || mine.outcome === "waits") continue;
      if (mine.outcome === "granted") {
        await Bun.sleep(200 * random());
        await use(mine);
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
