// SECRET_KEY is changed while the service runs; the pool's own SSH key; machines that were removed while dirty.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readConfig } from "../../../config.ts";
import { build } from "../../../deps.ts";
import { finishRotation, rotateKey } from "../../../pool/secrets/rotate_key.ts";
import { unseal } from "../../../pool/secrets/seal.ts";
import { startMachines, type TestMachine } from "../../support/machines.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call, type Program, startProgram } from "../../support/program.ts";
import { canLogIn } from "../../support/ssh.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
let late: TestMachine[];
let api: Program;
beforeAll(async () => {
  pool = await startPool(3, { settings: { SSH_TIMEOUT_SECONDS: "3" } });
  late = await startMachines(6, { prefix: "late-" });
  api = pool.api;
});
afterAll(async () => {
  await api.stop("SIGKILL");
  await pool.stop();
  await Promise.all(late.map((machine) => machine.stop()));
});
const at = (name: string) => pool.machines.find((one) => one.name === name) as TestMachine;
const ask = (method: string, path: string, body?: unknown, headers = {}) =>
  call(api, method, path, body, headers);

test("a machine is registered with the pool's own key, which is made once and never shown", async () => {
  const shown = await Promise.all(Array.from({ length: 4 }, () => ask("GET", "/ssh-key")));
  const { public_key, fingerprint } = shown[0]?.body ?? {};
  expect(public_key).toMatch(/^ssh-ed25519 [A-Za-z0-9+/]{68} machine-manager$/);
  expect(fingerprint).toMatch(/^SHA256:[\w+/]{43}$/);
  for (const { body } of shown) expect(body).toEqual({ public_key, fingerprint });
  const { name, host, port, user, exec } = at("m-3");
  await exec("mkdir -p -m 700 /root/.ssh && cat >>/root/.ssh/authorized_keys", `${public_key}\n`);
  await ask("DELETE", `/machines/${name}`);
  const both = await ask("POST", "/machines", { name, host, port, user, password: "x", pool_key: true });
  expect([both.status, both.body.details[0].field]).toEqual([400, "password"]);
  expect((await ask("POST", "/machines", { name, host, port, user, pool_key: true })).body).toMatchObject({
    name,
    state: "available",
  });
});

test("all secrets are re-encrypted while requests run, and then the old key opens nothing", async () => {
  const input = { username: "kay", duration: 5 };
  const headers = { "Idempotency-Key": "before-the-rotation" };
  const first = (await ask("POST", "/reservations", input, headers)).body;
  const old = pool.settings.SECRET_KEY;
  const next = randomBytes(32).toString("base64");
  const depsWith = (SECRET_KEY: string) => build(readConfig({ ...pool.settings, SECRET_KEY }));
  const [oldDeps, newDeps] = [depsWith(old), depsWith(next)];

  // Reserving, releasing and registering continue, in a process that only knows the old key.
  let rotating = true;
  const statuses: number[] = [];
  const clients = Array.from({ length: 2 }, async () => {
    do {
      const { status, body } = await ask("POST", "/reservations", { username: "kim", duration: 5 });
      statuses.push(status);
      if (status === 201) statuses.push((await ask("DELETE", `/reservations/${body.id}`)).status);
    } while (rotating);
  });
  const registering = late.map((machine) => pool.register(machine));
  expect(await rotateKey(oldDeps, next)).toBeGreaterThanOrEqual(3);
  for (const { status } of await Promise.all(registering)) expect(status).toBe(201);
  rotating = false;
  await Promise.all(clients);
  expect(statuses.length).toBeGreaterThan(2);
  expect(statuses.filter((status) => status >= 400)).toEqual([]);
  // Machines registered while it ran were sealed with the new key: nothing is left to do, and running it again is harmless.
  expect(await rotateKey(oldDeps, next)).toBe(0);
  expect((await ask("POST", "/reservations", input, headers)).body).toEqual(first);

  // A process that starts now may have either key, until the rotation is finished.
  await expect(finishRotation(oldDeps)).rejects.toThrow("current key");
  const again = await startProgram(pool.settings);
  expect((await call(again, "POST", "/reservations", { username: "kit", duration: 5 })).status).toBe(201);
  await again.stop();
  await api.stop();
  api = await startProgram({ ...pool.settings, SECRET_KEY: next });
  expect(await finishRotation(newDeps)).toBe(true);
  expect(await finishRotation(newDeps)).toBe(false);
  const machines = await pool.sql("SELECT id, secret FROM machines WHERE secret <> ''");
  expect(machines).toHaveLength(8);
  const settings = await pool.sql("SELECT name, value FROM settings WHERE value LIKE '%v_.%.%.%'");
  expect(settings.map(({ name }) => name).sort()).toEqual(["pool_key", "secret_key_check"]);
  const sealed = [
    ...machines.map(({ id, secret }) => [id, secret]),
    ...settings.map(({ name, value }) => [name, value.split("\n").at(-1)]),
  ];
  for (const [bound, text] of sealed) {
    expect(unseal(next, bound, text)).toBeString();
    expect(() => unseal(old, bound, text)).toThrow();
  }
  await expect(startProgram(pool.settings)).rejects.toThrow("SECRET_KEY is not the key");

  // Earlier reservations stay, and so do their Idempotency-Keys; their passwords can't be returned again.
  const { password: _, ...rest } = first;
  expect((await ask("POST", "/reservations", input, headers)).body).toEqual(rest);
  const changed = await ask("POST", "/reservations", { ...input, duration: 6 }, headers);
  expect([200, 201]).toContain(changed.status);
  expect(changed.body.id).toBe(first.id);
  expect((await ask("POST", "/release_all")).body.failed).toEqual([]);
  const all = await ask("POST", "/reservations", { username: "kim", count: 9, duration: 5 });
  expect(all.status).toBe(201);
  expect((await ask("POST", "/release_all")).body.failed).toEqual([]);
  await Promise.all([oldDeps, newDeps].map((deps) => deps.database.close()));
});

test("a machine that was removed dirty is remembered, and cleaned when it comes back", async () => {
  for (const known of ["address", "host key"]) {
    const { body } = await ask("POST", "/reservations", { username: "ulla", password: "pw", duration: 5 });
    const name = body.machines[0].machine;
    const machine = [...pool.machines, ...late].find((one) => one.name === name) as TestMachine;
    const login = { port: machine.port, username: "ulla", password: "pw" };
    process.kill(machine.pid, "SIGSTOP");
    const gone = (await ask("DELETE", `/machines/${name}?force=true`)).body;
    process.kill(machine.pid, "SIGCONT");
    expect(gone).toMatchObject({ clean: false });
    expect(await canLogIn(login)).toBe(true);
    if (known === "host key") await pool.sql("UPDATE removed_dirty SET port = 1, identity = NULL");
    const { host, port, user, password } = machine;
    const back = await ask("POST", "/machines", { name: `${name}-again`, host, port, user, password });
    expect(back.body).toMatchObject({
      state: "available",
      removed_dirty: { machine: name, username: "ulla", reason: expect.stringContaining("SSH") },
    });
    expect(await canLogIn(login)).toBe(false);
    expect((await machine.exec("ls /home")).stdout).toBe("");
    const [event] = (await ask("GET", `/events?object=${name}&action=machine.removed`)).body.events;
    expect(event.details).toEqual({ forced: true, clean: false });
    await ask("DELETE", `/machines/${name}-again`);
    await pool.sql("DELETE FROM removed_dirty");
  }
});
