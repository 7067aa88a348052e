import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestMachine } from "../../support/machines.ts";
import { recordMoves } from "../../support/moves.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call, type Program, startProgram } from "../../support/program.ts";
import { canLogIn } from "../../support/ssh.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
let second: Program;
let moves: Awaited<ReturnType<typeof recordMoves>>;
beforeAll(async () => {
  pool = await startPool(3, { scheduler: true, settings: { SSH_TIMEOUT_SECONDS: "2" } });
  moves = await recordMoves(pool.sql);
  second = await startProgram(pool.settings, "scheduler");
});
afterAll(async () => {
  await second.stop("SIGKILL");
  await pool.stop();
});
const at = (name: string) => pool.machines.find((one) => one.name === name) as TestMachine;
const get = async (path: string) => (await call(pool.api, "GET", path)).body;
const stateOf = async (name: string) => (await get(`/machines/${name}`)).state;
const allFree = () =>
  until("all machines are free", 60_000, async () => (await get("/available")).available.length === 3);

test("a reservation ends by the database's clock, its account is gone within 10 s, with two schedulers", async () => {
  const body = await get("/reserve?username=ann&password=pw&count=3&duration=1");
  const login = { port: body.machines[0].port, username: "ann", password: "pw" };
  expect(await canLogIn(login)).toBe(true);
  await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND WHERE id = ?", [
    body.id,
  ]);
  await until(
    "its account is gone",
    11_000,
    async () => (await at("m-1").exec("grep -c ^ann: /etc/passwd")).stdout === "0\n",
  );
  await allFree();
  expect(await canLogIn(login)).toBe(false);
  const [row] = await pool.sql(
    "SELECT state, TIMESTAMPDIFF(MICROSECOND, ends_at, ended_at) / 1000 AS lag FROM reservations WHERE id = ?",
    [body.id],
  );
  expect(row.state).toBe("ended");
  expect(Number(row.lag)).toBeLessThan(10_000);
  const holds = await pool.sql("SELECT confirmed_at, released_at FROM holds WHERE reservation_id = ?", [
    body.id,
  ]);
  expect(holds).toHaveLength(3);
  for (const hold of holds) expect(hold.released_at >= hold.confirmed_at).toBe(true);
});

test("a machine that dies is quarantined and returns automatically; so does one that was dead when registered", async () => {
  await at("m-2").stop();
  await pool.sql("UPDATE machines SET probed_at = probed_at - INTERVAL 1 HOUR");
  await until("m-2 is quarantined", 20_000, async () => (await stateOf("m-2")) === "quarantined");
  expect((await get("/machines/m-2")).fault).toBe("unreachable");
  await call(pool.api, "DELETE", "/machines/m-2");
  expect((await pool.register(at("m-2"))).body.state).toBe("quarantined");
  await at("m-2").restart();
  await until("m-2 is back", 60_000, async () => (await stateOf("m-2")) === "available");
});

test("a machine with a changed host key is quarantined, and gets no password", async () => {
  await pool.sql(
    "UPDATE machines SET probed_at = probed_at - INTERVAL 1 HOUR, host_key = CONCAT(LEFT(host_key, 60), 'AAAA') WHERE name = 'm-3'",
  );
  await until("m-3 is quarantined", 20_000, async () => (await stateOf("m-3")) === "quarantined");
  const seen = await get("/machines/m-3");
  expect(seen.fault).toBe("host_key");
  expect(seen.last_error).toContain("SHA256:");
  await call(pool.api, "DELETE", "/machines/m-3");
  expect((await pool.register(at("m-3"))).body.state).toBe("available");
});

test("a machine that can't be cleaned is quarantined, never offered, and retried until it is clean", async () => {
  const body = await get("/reserve?username=bea&password=pw&count=3&duration=60");
  await at("m-1").exec("touch /var/tmp/stays; chown bea /var/tmp/stays; chattr +i /var/tmp/stays");
  await at("m-2").stop();
  const released = await call(pool.api, "DELETE", `/reservations/${body.id}`);
  expect(released.status).toBe(202);
  expect(released.body.pending).toContain("m-2");
  expect((await get("/machines/m-2")).holder.username).toBe("bea");
  expect((await call(pool.api, "DELETE", "/machines/m-2")).body.code).toBe("machine_held");
  await at("m-1").exec("chattr -i /var/tmp/stays");
  await at("m-2").restart();
  await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined'");
  await allFree();
  expect((await get(`/reservations/${body.id}`)).state).toBe("ended");
});

test("an API killed during preparation loses nothing: the scheduler undoes everything", async () => {
  // The machine stops answering in the middle of the step, so that the kill hits it.
  await at("m-1").exec(
    "mv /usr/sbin/useradd /usr/sbin/useradd.real; printf '#!/bin/sh\n/usr/sbin/useradd.real \"$@\"; touch /tmp/made; sleep 20\n' >/usr/sbin/useradd; chmod 755 /usr/sbin/useradd",
  );
  const api = await startProgram(pool.settings);
  const asked = fetch(`${api.url}/reserve?username=eve&count=3`).catch(() => "no answer");
  await until(
    "the account is half made",
    15_000,
    async () => (await at("m-1").exec("ls /tmp/made")).code === 0,
  );
  await api.stop("SIGKILL");
  expect(await asked).toBe("no answer");
  await at("m-1").exec("mv /usr/sbin/useradd.real /usr/sbin/useradd");
  expect((await get("/available")).available).toEqual([]);
  // Instead of waiting a minute, make the lease run out.
  await pool.sql("UPDATE machines SET lease_until = UTC_TIMESTAMP(3) WHERE state = 'preparing'");
  await allFree();
  for (const { exec } of pool.machines)
    expect((await exec("grep ^eve: /etc/passwd; ls /home")).stdout).toBe("");
  const [row] = await pool.sql("SELECT state FROM reservations WHERE username = 'eve'");
  expect(row.state).toBe("failed");
});

test("old reservations are deleted, recent ones kept", async () => {
  await pool.sql("UPDATE reservations SET ended_at = ended_at - INTERVAL 31 DAY WHERE username = 'ann'");
  const { prune } = await import("../../../pool/reservations/prune.ts");
  const { build } = await import("../../../deps.ts");
  const { readConfig } = await import("../../../config.ts");
  const deps = build(readConfig(pool.settings));
  expect(await prune(deps)).toBe(1);
  expect(await pool.sql("SELECT id FROM reservations WHERE username = 'ann'")).toEqual([]);
  expect((await pool.sql("SELECT id FROM reservations")).length).toBeGreaterThan(1);
  await deps.database.close();
});

test("SIGTERM ends API and scheduler with 0 within 10 s, even in the middle of a step", async () => {
  await at("m-1").exec(
    "mv /usr/sbin/useradd /usr/sbin/useradd.real; printf '#!/bin/sh\ntouch /tmp/made; sleep 25\n' >/usr/sbin/useradd; chmod 755 /usr/sbin/useradd; rm -f /tmp/made",
  );
  const api = await startProgram(pool.settings);
  const asked = fetch(`${api.url}/reserve?username=fay&count=3`).catch(() => "no answer");
  await until("a step is under way", 15_000, async () => (await at("m-1").exec("ls /tmp/made")).code === 0);
  const from = performance.now();
  expect(await api.stop()).toBe(0);
  expect(await second.stop()).toBe(0);
  expect(performance.now() - from).toBeLessThan(20_000);
  await asked;
  await at("m-1").exec("mv /usr/sbin/useradd.real /usr/sbin/useradd");
  await pool.sql("UPDATE machines SET lease_until = UTC_TIMESTAMP(3) WHERE state = 'preparing'");
  await allFree();
});

test("no state has changed in a way that states.ts does not have", async () => {
  const { made, unknown } = await moves();
  expect(made).toContain("machines: available → quarantined");
  expect(unknown).toEqual([]);
});
