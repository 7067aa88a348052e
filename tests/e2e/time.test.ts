// Time, on real machines: who waits is told a clock time and gets in by then; a class is ready at the bell; a machine whose
// sshd dies is replaced. (Extending, bookings and series are tried on fake machines in tests/pool/reservations.)
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { canLogIn } from "../support/ssh.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const SIZE = 5;
let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(SIZE, {
    apis: 2,
    scheduler: true,
    prefix: "time-",
    settings: { EXPIRE_EVERY: "1", REPLACE_AFTER: "1", SSH_TIMEOUT_SECONDS: "2" },
  });
});
afterAll(() => pool.stop());

let turn = 0;
const api = () => pool.apis[turn++ % 2] as { url: string };
const ask = (method: string, path: string, body?: unknown) => call(api(), method, path, body);
const reserve = (username: string, more: object = {}) =>
  ask("POST", "/reservations", { username, password: `pw ${username}`, ...more });
const seconds = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;
const allFree = () =>
  until("all is free", 30_000, async () => (await ask("GET", "/available")).body.available.length === SIZE);

test("five wait for a full pool: an early release moves them up, and each told start is kept to 2 s", async () => {
  const held = await Promise.all(Array.from({ length: SIZE }, (_, n) => reserve(`full${n}`)));
  expect(held.map(({ status }) => status)).toEqual(Array(SIZE).fill(201));
  // Their ends are near, and a second apart.
  for (const [n, { body }] of held.entries())
    await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) + INTERVAL ? SECOND WHERE id = ?", [
      4 + n,
      body.id,
    ]);
  const told = await Promise.all(Array.from({ length: 5 }, (_, n) => reserve(`wait${n}`, { wait: 10 })));
  expect(told.map(({ status, body }) => `${status} ${body.state}`)).toEqual(Array(5).fill("202 queued"));
  const { queue } = (await ask("GET", "/queue")).body;
  expect(queue.map(({ position }: { position: number }) => position)).toEqual([1, 2, 3, 4, 5]);

  const released = await ask("DELETE", `/reservations/${held[4]?.body.id}`);
  expect(released.status).toBe(200);
  const clean = performance.now();
  const first = queue[0].username;
  const firstId = queue[0].id;
  await until("the first has started", 8000, async () => {
    return (await ask("GET", `/reservations/${firstId}`)).body.state !== "queued";
  });
  console.log(
    `the first in the queue was being prepared ${Math.round(performance.now() - clean)} ms after the last machine was clean`,
  );
  for (const { body } of told) {
    const { starts_at: planned } = (await ask("GET", `/reservations/${body.id}`)).body;
    expect(seconds(body.starts_at, planned)).toBeLessThanOrEqual(0);
    const done = await until(`${body.username} has started`, 30_000, async () => {
      const { body: now } = await ask("GET", `/reservations/${body.id}?wait=5`);
      return now.state === "active" && now;
    });
    expect(seconds(body.starts_at, done.starts_at)).toBeLessThanOrEqual(2);
    expect(done.delay_reason).toBeNull();
    const { port } = done.machines[0];
    expect(await canLogIn({ port, username: body.username, password: `pw ${body.username}` })).toBe(true);
  }
  expect(first).toStartWith("wait");
  await ask("POST", "/release_all");
  await allFree();
});

test("100 clients queue at once on two APIs: each is told a start, nobody is promised the same machine", async () => {
  const all = await reserve("all", { count: SIZE });
  const told = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      reserve(`c${n}`, { count: 1 + (n % 3), duration: 5, wait: 10_000 }),
    ),
  );
  expect(new Set(told.map(({ status, body }) => `${status} ${body.state}`))).toEqual(new Set(["202 queued"]));
  expect(
    await pool.sql(`SELECT a.* FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id
      AND a.reservation_id < b.reservation_id AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`),
  ).toEqual([]);
  for (const { body } of told) await ask("DELETE", `/reservations/${body.id}`);
  await ask("DELETE", `/reservations/${all.body.id}`);
  await allFree();
});

test("a machine whose sshd is killed while it is held is replaced, under the same slot", async () => {
  const { body } = await reserve("rep", { count: 2, replace: true });
  const lost = body.machines.find(({ slot }: { slot: string }) => slot === "node2");
  await pool.machines.find(({ name }) => name === lost.machine)?.stop();
  const other = await until("another has its slot", 60_000, async () => {
    await pool.sql("UPDATE machines SET probed_at = '2020-01-01' WHERE state = 'reserved'");
    const { machines, state } = (await ask("GET", `/reservations/${body.id}`)).body;
    expect(state).toBe("active");
    const now = machines.find(({ slot }: { slot: string }) => slot === "node2");
    return now && now.machine !== lost.machine && now;
  });
  await until("its account works", 10_000, () =>
    canLogIn({ port: other.port, username: "rep", password: "pw rep" }),
  );
});
