// kill -9 of the API at every event of reserve and of release; it starts anew, the scheduler recovers, the client asks again.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestPool } from "../support/pool.ts";
import { startProgram } from "../support/program.ts";
import { check, expireLeases, settle } from "./checker.ts";
import { enumerate, startLanes, startVictim } from "./lanes.ts";
import { Ledger } from "./ledger.ts";
import { more } from "./table.ts";

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
    // The client that got no answer asks again, while the scheduler recovers.
    let again = await ledger.reserve(pool.api, username, 2, { key });
    const bad = await settle(pool);
    // While the half-made one is undone, both machines are taken; afterwards they are not.
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
    // Killed before its intent was committed: the client's repeat ended it. Else it is gone, or going.
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
