// Fault 4: MariaDB is restarted, killed, stopped, its connections are killed, its commits cut off. Requests get a 503
// within 5 s; afterwards the service recovers on its own.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startDatabase, type TestServer } from "../support/database.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, startProgram } from "../support/program.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle, watch } from "./tools/checker.ts";
import { releaseAll, startClients } from "./tools/clients.ts";
import { type Cutter, startCutter } from "./tools/cutter.ts";
import { Ledger } from "./tools/ledger.ts";
import { injected, more, random, SEED } from "./tools/table.ts";

setDefaultTimeout(more(400_000));

/** The promise, plus half a second for a busy machine. */
const ANSWER_MS = 5500;

let server: TestServer;
let pool: TestPool;
beforeAll(async () => {
  server = await startDatabase();
  pool = await startPool(6, {
    apis: 2,
    scheduler: true,
    server,
    prefix: "db-",
    settings: { SSH_TIMEOUT_SECONDS: "3", EXPIRE_EVERY: "1" },
  });
});
afterAll(async () => {
  await pool.stop();
  await server.stop();
});

/** Injects a fault while clients are active. @param fault returns when it is over */
async function underLoad(name: string, times: number, fault: (n: number) => Promise<void>) {
  const ledger = new Ledger();
  const dice = random(SEED);
  const next = () => pool.apis[Math.floor(dice() * pool.apis.length)] as { url: string };
  const watcher = watch(pool);
  const granted = () => ledger.asked.filter((one) => one.outcome === "granted").length;
  const load = startClients(
    ledger,
    next,
    8,
    dice,
    `${name.replace(/\W/g, "").toLowerCase().slice(0, 12)}x`,
    0.4,
  );
  await until("some were granted", 20_000, () => granted() > 3);
  const bad: string[] = [];
  let slowest = 0;
  let seen: Record<string, number> = {};
  for (let n = 0; n < times; n++) {
    load.mark();
    await fault(n);
    const { slowest: one, statuses } = load.since();
    slowest = Math.max(slowest, one);
    seen = { ...seen, ...statuses };
    if (one > ANSWER_MS) bad.push(`an answer took ${one} ms in ${name}`);
    await until("it answers again", 15_000, async () =>
      call(next(), "GET", "/readyz").then(({ status }) => status === 200),
    );
    const before = granted();
    await until("reservations are granted again", 20_000, () => granted() > before);
  }
  await load.stop();
  bad.push(...(await watcher.stop()));
  // What was abandoned halfway waits for its lease to run out; in a long run, so do we.
  if (more(1) === 1) await expireLeases(pool);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  for (const entry of ledger.asked) entry.ended = true;
  await releaseAll(pool, pool.api);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  for (const status of Object.keys(seen))
    if (/500/.test(status)) bad.push(`an answer was ${status} in ${name}`);
  injected(`4 MariaDB ${name}`, times, bad, `slowest answer ${slowest} ms`);
  console.log(
    name,
    `slowest ${slowest} ms, asked ${ledger.asked.length}, looks ${watcher.looks()}`,
    JSON.stringify(seen),
  );
  expect(bad).toEqual([]);
}

test("restarted cleanly", () =>
  underLoad("restarted", more(2), async () => {
    await server.end("SIGTERM");
    await server.start();
  }));

test("killed with -9", () =>
  underLoad("killed", more(3), async () => {
    await server.end("SIGKILL");
    await server.start();
  }));

test("stopped for 20 s", () =>
  underLoad("stopped for 20 s", more(1), async () => {
    server.signal("SIGSTOP");
    await Bun.sleep(20_000); // the fault's own length
    server.signal("SIGCONT");
  }));

test("its connections killed one by one", () =>
  underLoad("connections killed", more(20), async () => {
    const all = await pool.sql(
      "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db IS NOT NULL",
    );
    const one = all[Math.floor(Math.random() * all.length)];
    if (one) await pool.sql(`KILL CONNECTION ${one.id}`).catch(() => {});
  }));

test("statements killed one by one", () =>
  underLoad("statements killed", more(30), async () => {
    const all = await pool.sql(
      "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db IS NOT NULL",
    );
    for (const one of all) await pool.sql(`KILL QUERY ${one.id}`).catch(() => {});
  }));

/** Cuts the connection at the n-th COMMIT of an operation, for every n, before and after the server did it. */
async function cutEvery(
  name: string,
  when: "before" | "after",
  operation: (api: { url: string }, ledger: Ledger, n: number) => Promise<string[]>,
) {
  const cutter: Cutter = await startCutter(server);
  const api = await startProgram({
    ...pool.settings,
    DATABASE_URL: cutter.through(pool.settings.DATABASE_URL),
  });
  const bad: string[] = [];
  let n = 1;
  for (let hit = true; hit; n++) {
    const ledger = new Ledger();
    cutter.arm(n, when);
    bad.push(...(await operation(api, ledger, n)));
    hit = cutter.cut();
    cutter.arm(0, when);
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
    for (const entry of ledger.asked) entry.ended = true;
    await releaseAll(pool, pool.api);
    bad.push(...(await settle(pool)));
  }
  await api.stop("SIGKILL");
  cutter.close();
  injected(`4 connection cut ${when} a COMMIT (${name})`, n - 2, bad);
  expect(bad).toEqual([]);
  expect(n).toBeGreaterThan(2);
}

for (const when of ["before", "after"] as const) {
  test(`the connection is cut ${when} each COMMIT of a reservation`, () =>
    cutEvery("reserve", when, async (api, ledger, n) => {
      const key = crypto.randomUUID();
      const first = await ledger.reserve(api, `cut${when}${n}`, 2, { key });
      const again = await ledger.reserve(api, `cut${when}${n}`, 2, { key });
      // Clients should not notice a single lost connection.
      if (first.status !== 201) return [`I4 a COMMIT that was cut off once was answered ${first.status}`];
      return first.id === again.id ? [] : ["I4 the repeat with the same key gave another reservation"];
    }));

  test(`the connection is cut ${when} each COMMIT of a release`, () =>
    cutEvery("release", when, async (api, ledger, n) => {
      const mine = await ledger.reserve(pool.api, `cutr${when}${n}`, 2);
      const status = await ledger.release(api, mine);
      // Not 202 either: that would leave the machines to the scheduler, after our lease runs out.
      return status === 200 ? [] : [`I5 a release whose COMMIT was cut off once was answered ${status}`];
    }));

  // Cut before it, nothing has happened, as for the two above.
  if (when === "before" && more(1) === 1) continue;

  test(`the connection is cut ${when} each COMMIT of a request that waits, and of a booking`, () =>
    cutEvery("queue, book", when, async (api, ledger, n) => {
      const startsAt = new Date(Date.now() + 300_000);
      const bad: string[] = [];
      await ledger.reserve(pool.api, `cutf${when}${n}`, 6, { duration: 2 });
      for (const more of [{ wait: 600 }, { startsAt }]) {
        const name = `cut${"wait" in more ? "w" : "b"}${when}${n}`;
        const key = crypto.randomUUID();
        const first = await ledger.reserve(api, name, 2, { key, ...more });
        const again = await ledger.reserve(api, name, 2, { key, ...more });
        if (first.status !== 202) bad.push(`I4 ${name}: a COMMIT cut off once was answered ${first.status}`);
        if (first.id !== again.id) bad.push(`I4 ${name}: the repeat with the same key gave another one`);
      }
      return bad;
    }));

  test(`the connection is cut ${when} each COMMIT of an extension`, () =>
    cutEvery("extend", when, async (api, ledger, n) => {
      const mine = await ledger.reserve(pool.api, `cute${when}${n}`, 2);
      const status = await ledger.extend(api, mine, 30);
      return status === 200 ? [] : [`I4 an extension whose COMMIT was cut off once was answered ${status}`];
    }));
}

test("the database stays away after each COMMIT of a reservation, and then the API is killed", async () => {
  const cutter = await startCutter(server);
  const outcomes: string[] = [];
  const bad: string[] = [];
  for (const when of ["before", "after"] as const)
    for (let n = 1, hit = true; hit; n++) {
      const api = await startProgram({
        ...pool.settings,
        DATABASE_URL: cutter.through(pool.settings.DATABASE_URL),
      });
      const ledger = new Ledger();
      cutter.arm(n, when, true);
      // Without an Idempotency-Key, the answer is all there is, since whatever would undo it dies too.
      const asked = await ledger.reserve(api, `away${when}${n}`, 2);
      await api.stop("SIGKILL");
      hit = cutter.cut();
      cutter.arm(0, when);
      if (hit) outcomes.push(`${when} ${n}: ${asked.status}`);
      await expireLeases(pool);
      bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
      for (const entry of ledger.asked) entry.ended = true;
      await call(pool.api, "POST", "/release_all");
      bad.push(...(await settle(pool)));
    }
  cutter.close();
  injected("4 MariaDB gone at a COMMIT, API killed", outcomes.length, bad, outcomes.join(", "));
  expect(bad).toEqual([]);
  // Only a confirmation's outcome is unknown.
  expect(outcomes).toEqual(["before 1: 503", "before 2: 504", "after 1: 503", "after 2: 504"]);
});
