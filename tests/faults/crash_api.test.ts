// kill -9 of the API at every event of reserve, of release, of an extension and of a removal, and when it queues, books and
// starts what waits; it restarts, the scheduler recovers, the client retries.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { TestMachine } from "../support/machines.ts";
import type { TestPool } from "../support/pool.ts";
import { call, startProgram } from "../support/program.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle } from "./tools/checker.ts";
import { releaseAll } from "./tools/clients.ts";
import { EVERY_OTHER, enumerate, startLanes, startVictim } from "./tools/lanes.ts";
import { Ledger } from "./tools/ledger.ts";
import { more } from "./tools/table.ts";

setDefaultTimeout(more(400_000, 3));

let pools: TestPool[];
beforeAll(async () => {
  pools = await startLanes(5, "ca", true);
});
afterAll(() => Promise.all(pools.map((pool) => pool.stop())));

test("the API is killed at every event of a reservation of two machines", async () => {
  const { met, bad } = await enumerate("1 API killed while it reserves", pools, async (pool, n) => {
    const ledger = new Ledger();
    const victim = await startVictim(pool, "api", n);
    await victim.arm();
    const key = `key-${n}-${crypto.randomUUID()}`;
    const username = `rsv${n}`;
    const first = await ledger.reserve(victim, username, 2, { key });
    const where = victim.where();
    await victim.stop("SIGKILL");
    await expireLeases(pool);
    // The client that got no answer retries, while the scheduler recovers.
    let again = await ledger.reserve(pool.api, username, 2, { key });
    const bad = await settle(pool);
    // While the half-made one is being undone, both machines are taken; afterwards they are free.
    if (again.status === 409) again = await ledger.reserve(pool.api, username, 2, { key });
    bad.push(...(await check(pool, { ledger })));
    if (again.outcome !== "granted") bad.push(`I4 the repeat with the same key was answered ${again.status}`);
    if (first.id && first.id !== again.id) bad.push(`I4 the repeat gave ${again.id} and not ${first.id}`);
    for (const entry of ledger.asked) entry.ended = true;
    await ledger.release(pool.api, again);
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
    return { where, bad };
  });
  console.log(`reserve: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(12);
});

test("the API is killed at every event of a release", async () => {
  const { met, bad } = await enumerate("1 API killed while it releases", pools, async (pool, n) => {
    const ledger = new Ledger();
    const mine = await ledger.reserve(pool.api, `rel${n}`, 2);
    const victim = await startVictim(pool, "api", n);
    await victim.arm();
    await ledger.release(victim, mine);
    const where = victim.where();
    await victim.stop("SIGKILL");
    await expireLeases(pool);
    const api = await startProgram(pool.settings);
    const status = await ledger.release(api, mine);
    const bad = await settle(pool);
    // If it was killed before its intent was committed, the client's retry ended it. Otherwise it is gone, or going.
    if (![200, 202, 404].includes(status)) bad.push(`I4 the repeat of the release was answered ${status}`);
    bad.push(...(await check(pool, { ledger })));
    const [row] = await pool.sql("SELECT state, ended_at FROM reservations WHERE id = ?", [mine.id]);
    if (row?.state !== "ended" || !row.ended_at) bad.push(`I5 the released reservation is ${row?.state}`);
    await api.stop("SIGKILL");
    return { where, bad };
  });
  console.log(`release: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(8);
});

test("the API is killed at every event of the release of one of two machines", async () => {
  const { met, bad } = await enumerate(
    "1 API killed while it releases one machine",
    pools,
    async (pool, n) => {
      const ledger = new Ledger();
      const mine = await ledger.reserve(pool.api, `red${n}`, 2);
      const victim = await startVictim(pool, "api", n);
      await victim.arm();
      const reduce = (at: { url: string }) =>
        call(at, "POST", `/reservations/${mine.id}/release`, { machines: ["node2"] }).catch(() => undefined);
      await reduce(victim);
      const where = victim.where();
      await victim.stop("SIGKILL");
      await expireLeases(pool);
      const again = await reduce(pool.api);
      const bad = await settle(pool);
      if (again?.body.machines?.length !== 1 || again.body.machines[0].slot !== "node1")
        bad.push(`I3 the repeat of the release was answered ${again?.status} ${JSON.stringify(again?.body)}`);
      bad.push(...(await check(pool, { ledger })));
      await ledger.release(pool.api, mine);
      bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
      return { where, bad };
    },
  );
  console.log(`release of one: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(5);
});

test("the API is killed at every event of a removal by force", async () => {
  const { met, bad } = await enumerate("1 API killed while it removes", pools, async (pool, n) => {
    const ledger = new Ledger();
    const mine = await ledger.reserve(pool.api, `rem${n}`, 1);
    const machine = pool.machines.find(({ name }) => name === mine.machines[0]) as TestMachine;
    const victim = await startVictim(pool, "api", n);
    await victim.arm();
    const remove = (at: { url: string }) =>
      call(at, "DELETE", `/machines/${machine.name}?force=true`).catch(() => undefined);
    await remove(victim);
    const where = victim.where();
    await victim.stop("SIGKILL");
    await expireLeases(pool);
    const state = async () =>
      (await pool.sql("SELECT state FROM machines WHERE name = ?", [machine.name]))[0]?.state;
    await until("the removal is over", 40_000, async () => (await state()) !== "removing");
    const bad: string[] = [];
    const left = await state();
    // If it was killed before its intent was committed, nothing was changed, and the admin retries.
    if (left && left !== "reserved") bad.push(`I5 ${machine.name} is ${left} after its removal`);
    if (left && (await remove(pool.api))?.body.clean !== true) bad.push("I5 the repeat did not remove it");
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
    const [event] = await pool.sql(
      "SELECT JSON_VALUE(details, '$.clean') AS clean FROM events WHERE action = 'machine.removed' AND object = ? ORDER BY id DESC LIMIT 1",
      [machine.name],
    );
    if (String(event?.clean) !== "1" && String(event?.clean) !== "true")
      bad.push(`I5 ${machine.name} was removed, clean: ${event?.clean}`);
    mine.ended = true;
    await ledger.release(pool.api, mine);
    if ((await pool.register(machine)).status !== 201)
      bad.push(`I5 ${machine.name} can't be registered again`);
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
    return { where, bad };
  });
  console.log(`remove: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(5);
});

/** Leaves a pool as it was. */
async function clear(pool: TestPool, ledger: Ledger): Promise<string[]> {
  for (const entry of ledger.asked) entry.ended = true;
  await releaseAll(pool, pool.api);
  return [...(await settle(pool)), ...(await check(pool, { ledger }))];
}

for (const what of ["joins the queue", "is booked ahead"] as const)
  test(`the API is killed at every event of a request that ${what}`, async () => {
    const { met, bad } = await enumerate(`1 API killed: a request ${what}`, pools, async (pool, n) => {
      const ledger = new Ledger();
      const queues = what === "joins the queue";
      const full = queues ? await ledger.reserve(pool.api, `ful${n}`, 2) : undefined;
      const victim = await startVictim(pool, "api", n);
      await victim.arm();
      const key = crypto.randomUUID();
      const more = queues ? { key, wait: 600 } : { key, startsAt: new Date(Date.now() + 300_000) };
      const first = await ledger.reserve(victim, `que${n}`, 2, more);
      const where = victim.where();
      await victim.stop("SIGKILL");
      const again = await ledger.reserve(pool.api, `que${n}`, 2, more);
      const bad = await settle(pool);
      bad.push(...(await check(pool, { ledger })));
      if (again.outcome !== "waits") bad.push(`I4 the repeat with the same key was answered ${again.status}`);
      if (first.id && first.id !== again.id) bad.push(`I4 the repeat gave ${again.id} and not ${first.id}`);
      if (full) {
        await ledger.release(pool.api, full);
        bad.push(...(await ledger.started(pool.api, again)), ...(await check(pool, { ledger })));
      }
      bad.push(...(await clear(pool, ledger)));
      return { where, bad };
    });
    console.log(`${what}: ${met.length} events\n  ${met.join("\n  ")}`);
    expect(bad).toEqual([]);
    expect(met.length).toBeGreaterThan(2);
  });

test("the API is killed at every event of a release for which somebody waits, and of the start of that one", async () => {
  const { met, bad } = await enumerate(
    "1 API killed while it starts who waits",
    pools,
    async (pool, n) => {
      const ledger = new Ledger();
      const full = await ledger.reserve(pool.api, `old${n}`, 2);
      // Nobody but the victim starts it.
      pool.scheduler?.signal("SIGSTOP");
      const mine = await ledger.reserve(pool.api, `new${n}`, 2, { wait: 600 });
      const victim = await startVictim(pool, "api", n);
      await victim.arm();
      const released = ledger.release(victim, full);
      const isActive = async () =>
        (await pool.sql("SELECT state FROM reservations WHERE id = ?", [mine.id]))[0]?.state === "active";
      await until(
        "the victim died, or has started it",
        40_000,
        async () => victim.gone() || (await isActive()),
      );
      await released;
      const where = victim.where();
      await victim.stop("SIGKILL");
      await expireLeases(pool);
      pool.scheduler?.signal("SIGCONT");
      // If it was killed before its intent was committed, the client repeats its release.
      await ledger.release(pool.api, full);
      const bad = await settle(pool);
      bad.push(...(await ledger.started(pool.api, mine)), ...(await check(pool, { ledger })));
      bad.push(...(await clear(pool, ledger)));
      return { where, bad };
    },
    EVERY_OTHER,
  );
  console.log(`release and start: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(8);
});

/** The day on which an account ends, according to its machine. */
function lastDay({ root }: TestMachine, username: string): number {
  const lines = readFileSync(`${root}/etc/shadow`, "utf8").split("\n");
  return Number(lines.find((line) => line.startsWith(`${username}:`))?.split(":")[7]);
}

test("the API is killed at every event of an extension", async () => {
  const { met, bad } = await enumerate("1 API killed while it extends", pools, async (pool, n) => {
    const ledger = new Ledger();
    const mine = await ledger.reserve(pool.api, `ext${n}`, 2);
    const victim = await startVictim(pool, "api", n);
    await victim.arm();
    const end = new Date(Date.now() + 3 * 86_400_000);
    const extend = (at: { url: string }) =>
      call(at, "POST", `/reservations/${mine.id}/extend`, { until: end.toISOString() }).catch(
        () => undefined,
      );
    await extend(victim);
    const where = victim.where();
    await victim.stop("SIGKILL");
    await expireLeases(pool);
    const bad = await settle(pool);
    bad.push(...(await check(pool, { ledger })));
    const again = await extend(pool.api);
    if (again?.status !== 200 || again.body.ends_at !== end.toISOString())
      bad.push(
        `I10 the repeat of the extension was answered ${again?.status} ${JSON.stringify(again?.body)}`,
      );
    const day = Math.floor((end.getTime() / 1000 + 120) / 86_400) + 1;
    for (const machine of pool.machines)
      if (lastDay(machine, mine.username) !== day)
        bad.push(
          `I10 ${mine.username} ends on ${machine.name} on the day ${lastDay(machine, mine.username)}`,
        );
    bad.push(...(await check(pool, { ledger })), ...(await clear(pool, ledger)));
    return { where, bad };
  });
  console.log(`extend: ${met.length} events\n  ${met.join("\n  ")}`);
  expect(bad).toEqual([]);
  expect(met.length).toBeGreaterThan(5);
});
