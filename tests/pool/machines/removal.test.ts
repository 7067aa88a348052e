// A removal can't be undone, and a machine that was removed as clean has no account.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startAdmins } from "../../faults/tools/admins.ts";
import { check, settle } from "../../faults/tools/checker.ts";
import { startClients } from "../../faults/tools/clients.ts";
import { Ledger } from "../../faults/tools/ledger.ts";
import { random, SEED } from "../../faults/tools/table.ts";
import type { TestMachine } from "../../support/machines.ts";
import { recordMoves } from "../../support/moves.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call, type Program, startProgram } from "../../support/program.ts";
import { until } from "../../support/until.ts";

/** In `just test`; `just test-faults --long` runs longer, and faults/kills has admins among its clients too. */
const MOST_REMOVED = process.env.FAULT_LONG ? 40 : 12;

setDefaultTimeout(120_000);

let pool: TestPool;
let moves: Awaited<ReturnType<typeof recordMoves>>;
beforeAll(async () => {
  pool = await startPool(4, { apis: 2, prefix: "rem-" });
  moves = await recordMoves(pool.sql);
});
afterAll(() => pool.stop());

const ask = (method: string, path: string, body?: unknown, at: { url: string } = pool.api) =>
  call(at, method, path, body);
const only = () => pool.machines[0] as TestMachine;
const stateOf = async ({ name }: TestMachine) =>
  (await pool.sql("SELECT state FROM machines WHERE name = ?", [name]))[0]?.state;
const accountsOn = async (machine: TestMachine) => (await machine.exec("ls /home")).stdout.trim();

/** Blocks removals on the machine until the returned function is called. */
async function holdUp(machine: TestMachine): Promise<() => Promise<unknown>> {
  await machine.exec(`touch /run/hold; p=$(command -v userdel); [ -e $p.real ] || mv $p $p.real
    printf '#!/bin/sh\\nwhile [ -e /run/hold ]; do sleep 0.05; done\\nexec %s.real "$@"\\n' $p >$p; chmod 755 $p`);
  return () => machine.exec("rm -f /run/hold");
}
/** Drains all others, so that a reservation gets this one. */
async function reserveOn(machine: TestMachine, username: string): Promise<string> {
  await pool.sql("UPDATE machines SET drained = name <> ?", [machine.name]);
  const { status, body } = await ask("POST", "/reservations", { username });
  expect(status).toBe(201);
  return body.id;
}
const back = async (machine: TestMachine) => {
  expect((await pool.register(machine)).status).toBe(201);
  await pool.sql("UPDATE machines SET drained = 0");
};

test("nothing brings back a machine that is being removed: no PATCH, claim, release, retry, or second removal", async () => {
  const machine = only();
  const id = await reserveOn(machine, "rita");
  const goOn = await holdUp(machine);
  const removed = ask("DELETE", `/machines/${machine.name}?force=true`);
  await until("it is being removed", 20_000, async () => (await stateOf(machine)) === "removing");
  const held = { status: 409, body: { code: "machine_held" } };
  for (const change of [{ drained: false }, { labels: { a: "b" } }])
    expect(await ask("PATCH", `/machines/${machine.name}`, change)).toMatchObject(held);
  expect(await ask("DELETE", `/machines/${machine.name}`, undefined, pool.apis[1])).toMatchObject(held);
  expect(await ask("DELETE", `/machines/${machine.name}?force=true`)).toMatchObject(held);
  expect((await ask("GET", "/available")).body.unavailable).toContain(machine.name);
  expect((await ask("GET", `/machines/${machine.name}`)).body).toMatchObject({
    state: "removing",
    drained: false,
  });
  expect((await ask("POST", "/reservations", { username: "next" })).body.code).toBe("never_enough");
  expect(await ask("DELETE", `/reservations/${id}`)).toMatchObject({
    status: 202,
    body: { pending: [machine.name] },
  });
  expect((await ask("POST", "/release_all")).body.failed).toEqual([machine.name]);
  expect(await stateOf(machine)).toBe("removing");
  await goOn();
  expect(await removed).toMatchObject({ status: 200, body: { clean: true } });
  expect(await accountsOn(machine)).toBe("");
  expect((await ask("GET", `/reservations/${id}`)).body.state).toBe("ended");
  expect((await ask("DELETE", `/machines/${machine.name}?force=true`)).status).toBe(404);
  await back(machine);
});

test("a scheduler resumes a removal whose worker died, and the machine is never offered", async () => {
  const machine = only();
  const id = await reserveOn(machine, "dora");
  const goOn = await holdUp(machine);
  const api = await startProgram(pool.settings);
  const removed = ask("DELETE", `/machines/${machine.name}?force=true`, undefined, api).catch(() => "none");
  await until("it is being removed", 20_000, async () => (await stateOf(machine)) === "removing");
  await api.stop("SIGKILL");
  expect(await removed).toBe("none");
  await goOn();
  await pool.sql("UPDATE machines SET lease_until = UTC_TIMESTAMP(3) WHERE name = ?", [machine.name]);
  const scheduler: Program = await startProgram(pool.settings, "scheduler");
  const seen = new Set<string>();
  await until(
    "it is gone",
    30_000,
    async () => {
      const state = await stateOf(machine);
      if (state) seen.add(state);
      return !state;
    },
    5,
  );
  expect([...seen]).toEqual(["removing"]);
  expect(await accountsOn(machine)).toBe("");
  const [event] = (await ask("GET", `/events?object=${machine.name}&action=machine.removed&limit=1`)).body
    .events;
  expect(event).toMatchObject({ actor: "scheduler", details: { clean: true } });
  expect((await pool.sql("SELECT 1 FROM holds WHERE released_at IS NULL")).length).toBe(0);
  await ask("DELETE", `/reservations/${id}`);
  await scheduler.stop();
  await back(machine);
});

test("a row is deleted only under the lease and generation with which its machine was cleaned", async () => {
  const machine = only();
  await reserveOn(machine, "gina");
  const goOn = await holdUp(machine);
  const removed = ask("DELETE", `/machines/${machine.name}?force=true`);
  await until("it is being removed", 20_000, async () => (await stateOf(machine)) === "removing");
  // Another worker took it over, as `recover` does when a lease runs out.
  await pool.sql(
    "UPDATE machines SET generation = generation + 1, lease_worker = 'other', lease_until = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE name = ?",
    [machine.name],
  );
  await goOn();
  expect(await removed).toMatchObject({ status: 409, body: { code: "machine_held" } });
  expect(await stateOf(machine)).toBe("removing");
  expect(await pool.sql("SELECT 1 FROM removed_dirty")).toEqual([]);
  await pool.sql("UPDATE machines SET lease_until = UTC_TIMESTAMP(3)");
  const scheduler = await startProgram(pool.settings, "scheduler");
  await until("it is gone", 30_000, async () => !(await stateOf(machine)));
  await scheduler.stop();
  expect(await accountsOn(machine)).toBe("");
  await ask("POST", "/release_all");
  await back(machine);
});

test("a reservation that loses its last machine is over; otherwise it stays active", async () => {
  await pool.sql("UPDATE machines SET drained = name NOT IN ('rem-1', 'rem-2')");
  const once = () =>
    call(pool.api, "POST", "/reservations", { username: "lola", count: 2 }, { "Idempotency-Key": "lola" });
  const { id } = (await once()).body;
  expect((await ask("DELETE", "/machines/rem-1?force=true")).body).toMatchObject({ clean: true });
  const left = await once();
  expect([left.status, left.body.id, left.body.machines.length]).toEqual([201, id, 1]);
  expect((await ask("DELETE", "/machines/rem-2?force=true")).body).toMatchObject({ clean: true });
  expect((await ask("GET", `/reservations/${id}`)).body).toMatchObject({ state: "ended", machines: [] });
  expect(await once()).toMatchObject({ status: 409, body: { code: "reservation_over" } });
  for (const machine of pool.machines.slice(0, 2)) await back(machine);
});

test("a free machine with an orphaned account is not removed as clean", async () => {
  const machine = only();
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'leftovers', last_error = 'still there' WHERE name = ?",
    [machine.name],
  );
  expect((await ask("DELETE", `/machines/${machine.name}`)).body).toMatchObject({ clean: false });
  const { status, body } = await pool.register(machine);
  expect([status, body.removed_dirty?.reason]).toEqual([201, "still there"]);
  await pool.sql("DELETE FROM removed_dirty");
});

test("machines are removed by force at random while others reserve, drain and change: none that was removed as clean has an account", async () => {
  const dice = random(SEED);
  const ledger = new Ledger();
  const scheduler = await startProgram(pool.settings, "scheduler");
  const next = () => pool.apis[Math.floor(dice() * 2)] as Program;
  const load = startClients(ledger, next, 12, dice, "rem");
  const admins = startAdmins(pool, next, 4, dice);
  await until("machines were removed", 90_000, () => admins.did().clean >= MOST_REMOVED);
  await load.stop();
  const bad = await admins.stop();
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  await scheduler.stop();
  console.log(admins.did());
  expect(bad).toEqual([]);
});

test("no state has changed in a way that states.ts does not have", async () => {
  const { made, unknown } = await moves();
  expect(made).toContain("machines: reserved → removing");
  expect(unknown).toEqual([]);
});
