// Fault 6: several schedulers and APIs on one database. One is stopped past its lease and continues later: its late write
// misses, and the machine itself refuses its late step. A request is not sent twice if an API dies behind nginx.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestPool } from "../support/pool.ts";
import { startProgram } from "../support/program.ts";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle } from "./tools/checker.ts";
import { EVERY_OTHER, enumerate, startLanes, startVictim, type Victim } from "./tools/lanes.ts";
import { type Asked, Ledger } from "./tools/ledger.ts";
import { injected, more } from "./tools/table.ts";

setDefaultTimeout(more(400_000, 3));

let lanes: TestPool[];
beforeAll(async () => {
  lanes = await startLanes(5, "late", true);
});
afterAll(() => Promise.all(lanes.map((pool) => pool.stop())));

/** Waits until the victim has stopped at its event; returns the event's name, or "" if it finished. */
async function stands(victim: Victim, done: () => boolean): Promise<string> {
  await until("the victim has stopped, or is done", 30_000, () => victim.where() !== "" || done(), 10);
  return victim.where();
}

/** A holder of both machines who must not notice the late one. */
async function nextHolder(pool: TestPool, ledger: Ledger, name: string, bad: string[]) {
  const next = await ledger.reserve(pool.api, name, 2);
  if (next.outcome !== "granted") bad.push(`I5 the next holder was answered ${next.status}`);
  return next;
}

test("an API stopped past its lease at every event of a reservation continues after its machines have a new holder", async () => {
  let refused = 0;
  const { met, bad } = await enumerate(
    "6 stopped while it reserves, continued late",
    lanes,
    async (pool, n) => {
      const ledger = new Ledger();
      const victim = await startVictim(pool, "api", n, "SIGSTOP");
      await victim.arm();
      let over = false;
      const asked = ledger.reserve(victim, `stp${n}`, 2).then((entry) => {
        over = true;
        return entry;
      });
      const where = await stands(victim, () => over);
      const bad: string[] = [];
      if (where) {
        await expireLeases(pool);
        bad.push(...(await settle(pool)));
        const held = (await pool.sql("SELECT 1 FROM machines WHERE state = 'reserved'")).length > 0;
        // If it stopped after its confirmation, it is the holder, and there is no next one.
        if (!held) await nextHolder(pool, ledger, `nxt${n}`, bad);
        victim.signal("SIGCONT");
        await asked;
        bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
        if (/seen a later step|fenced/.test(victim.log())) refused++;
      } else await asked;
      await victim.stop("SIGKILL");
      await freeAll(pool, ledger, bad);
      return { where, bad };
    },
  );
  console.log(
    `reserve stopped at ${met.length} events, a step refused by a machine in ${refused}\n  ${met.join("\n  ")}`,
  );
  expect(bad).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});

test("a scheduler stopped past its lease at every event of an expiry continues after its machines have a new holder", async () => {
  let refused = 0;
  for (const pool of lanes) pool.scheduler?.signal("SIGSTOP");
  const { met, bad } = await enumerate(
    "6 stopped while it cleans, continued late",
    lanes,
    async (pool, n) => {
      const ledger = new Ledger();
      const mine = await ledger.reserve(pool.api, `old${n}`, 2);
      mine.ended = true;
      const victim = await startVictim(pool, "scheduler", n, "SIGSTOP");
      await victim.arm();
      await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) WHERE id = ?", [mine.id]);
      const bad: string[] = [];
      let free = false;
      const watching = (async () => {
        while (!free && victim.where() === "") {
          free = (await pool.sql("SELECT 1 FROM machines WHERE state <> 'available'")).length === 0;
          await Bun.sleep(50);
        }
      })();
      const where = await stands(victim, () => free);
      await watching;
      if (where) {
        pool.scheduler?.signal("SIGCONT");
        await expireLeases(pool);
        bad.push(...(await settle(pool)));
        await nextHolder(pool, ledger, `hld${n}`, bad);
        victim.signal("SIGCONT");
        // On a signal, a scheduler ends after its current runs.
        await victim.stop("SIGTERM");
        bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
        if (/seen a later step|fenced/.test(victim.log())) refused++;
      }
      pool.scheduler?.signal("SIGCONT");
      await victim.stop("SIGKILL");
      await freeAll(pool, ledger, bad);
      pool.scheduler?.signal("SIGSTOP");
      return { where, bad };
    },
  );
  for (const pool of lanes) pool.scheduler?.signal("SIGCONT");
  console.log(
    `expiry stopped at ${met.length} events, a step refused by a machine in ${refused}\n  ${met.join("\n  ")}`,
  );
  expect(bad).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});

test("an API stopped past its lease at every event of the start of one that waits continues after another has started it", async () => {
  let refused = 0;
  const { met, bad } = await enumerate(
    "6 stopped while it starts who waits, continued late",
    lanes,
    async (pool, n) => {
      const ledger = new Ledger();
      const full = await ledger.reserve(pool.api, `ful${n}`, 2);
      // Nobody but the victim starts it.
      pool.scheduler?.signal("SIGSTOP");
      const mine = await ledger.reserve(pool.api, `wai${n}`, 2, { wait: 600 });
      const victim = await startVictim(pool, "api", n, "SIGSTOP");
      await victim.arm();
      const released = ledger.release(victim, full);
      const bad: string[] = [];
      let active = false;
      const watching = (async () => {
        while (!active && victim.where() === "") {
          const [row] = await pool.sql("SELECT state FROM reservations WHERE id = ?", [mine.id]);
          active = row?.state === "active";
          await Bun.sleep(50);
        }
      })();
      const where = await stands(victim, () => active);
      await watching;
      pool.scheduler?.signal("SIGCONT");
      if (where) {
        await expireLeases(pool);
        await ledger.release(pool.api, full);
        bad.push(...(await settle(pool)));
        victim.signal("SIGCONT");
        await released;
        bad.push(...(await settle(pool)));
        bad.push(...(await ledger.started(pool.api, mine)));
        bad.push(...(await check(pool, { ledger })));
        if (/seen a later step|fenced/.test(victim.log())) refused++;
      }
      await victim.stop("SIGKILL");
      await freeAll(pool, ledger, bad);
      return { where, bad };
    },
    EVERY_OTHER,
  );
  console.log(
    `start stopped at ${met.length} events, a step refused by a machine in ${refused}\n  ${met.join("\n  ")}`,
  );
  expect(bad).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});

/** One that is only known from the database. */
const unknown = (id: string): Asked => ({
  ...{ username: "", password: "", count: 0, key: null, outcome: "unknown", status: 0, machines: [] },
  ...{ ended: true, milliseconds: 0, id },
});

async function freeAll(pool: TestPool, ledger: Ledger, bad: string[]): Promise<void> {
  for (const entry of ledger.asked) if (entry.id && !entry.ended) await ledger.release(pool.api, entry);
  // One whose client got no answer is active, but nobody knows its id.
  const left = await pool.sql("SELECT id FROM reservations WHERE state = 'active'");
  for (const { id } of left)
    await ledger.release(pool.api, ledger.asked.find((entry) => entry.id === id) ?? unknown(id));
  for (const entry of ledger.asked) entry.ended = true;
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
}

test("an API that acts and dies behind nginx: the request is not passed to another one", async () => {
  const bad: string[] = [];
  let times = 0;
  const pool = lanes[0] as TestPool;
  const third = await startProgram(pool.settings);
  for (const [n, event] of [5, 9, 11, 14].entries()) {
    const ledger = new Ledger();
    const victim = await startVictim(pool, "api", event);
    const ports = [victim, third, ...pool.apis].map(({ url }) => new URL(url).host);
    // The template has one line `server ${API_UPSTREAM};`: more servers are more lines.
    const proxy: TlsProxy = await startProxy(ports.join(";\n  server "));
    await victim.arm();
    // Until it is the victim's turn.
    for (let tries = 0; tries < 8 && victim.where() === ""; tries++) {
      const username = `ngx${n}x${tries}`;
      const answer = await fetch(
        `https://localhost:${proxy.https}/reserve?username=${username}&password=pw&count=2`,
        { tls: { ca: proxy.ca } },
      );
      times++;
      const rows = await pool.sql("SELECT id, state FROM reservations WHERE username = ?", [username]);
      if (rows.length > 1) bad.push(`I4 one request made ${rows.length} reservations`);
      // The victim records its event before it dies: so it died in this request, not in a later one.
      if (victim.where() !== "" && answer.status < 500)
        bad.push(`I4 nginx asked another API: ${answer.status}`);
      if (answer.status === 200) await ledger.release(pool.api, unknown((await answer.json()).id));
    }
    if (victim.where() === "") bad.push("the victim's turn never came");
    await victim.stop("SIGKILL");
    await proxy.stop();
    await expireLeases(pool);
    await freeAll(pool, ledger, bad);
  }
  await third.stop("SIGKILL");
  injected("6 API dies behind nginx", times, bad);
  expect(bad).toEqual([]);
});
