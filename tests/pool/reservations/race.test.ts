import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";
import { canLogIn } from "../../support/ssh.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(50, { apis: 2 });
});
afterAll(() => pool.stop());

test("100 clients request 2 of 50 machines at once from two APIs: 25 get them, nobody shares", async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      call(
        pool.apis[n % 2] as { url: string },
        "GET",
        `/reserve?username=user${n}&password=pw${n}&count=2&duration=10`,
      ),
    ),
  );
  const granted = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(granted).toHaveLength(25);
  expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
    new Set(["409 not_enough_machines"]),
  );
  const names = granted.flatMap(({ body }) => body.machines.map((m: { machine: string }) => m.machine));
  expect(new Set(names).size).toBe(50);

  // On the machines themselves: each has exactly its holder's account.
  for (const { body } of granted)
    for (const { machine } of body.machines) {
      const found = pool.machines.find(({ name }) => name === machine);
      expect((await found?.exec("ls /home"))?.stdout.trim()).toBe(body.username);
    }
  // And in the record: no machine ever had two holders at a time.
  const overlaps = await pool.sql(
    `SELECT a.machine_name FROM holds a JOIN holds b ON a.machine_id = b.machine_id AND a.id < b.id
     AND a.claimed_at < COALESCE(b.released_at, '9999-01-01') AND b.claimed_at < COALESCE(a.released_at, '9999-01-01')`,
  );
  expect(overlaps).toEqual([]);

  const all = await call(pool.api, "POST", "/release_all");
  expect(all.body).toEqual({ message: "All machines released", released: 50, failed: [] });
  expect((await call(pool.api, "GET", "/available")).body.available).toHaveLength(50);
  for (const { exec } of pool.machines) expect((await exec("ls /home")).stdout).toBe("");
});

test("20 clients send the same Idempotency-Key at once to two APIs: there is only one reservation", async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      call(
        pool.apis[n % 2] as { url: string },
        "POST",
        "/reservations",
        { username: "twin", count: 2, duration: 10 },
        { "Idempotency-Key": "the-same" },
      ),
    ),
  );
  const successes = answers.filter(({ status }) => status === 201);
  expect(successes.length).toBeGreaterThan(0);
  // Those that came while the first was in progress get an error that says so, and may retry.
  for (const { status, body } of answers)
    if (status !== 201) expect([status, body.code]).toEqual([503, "still_preparing"]);
  expect(new Set(successes.map(({ body }) => `${body.id} ${body.password}`)).size).toBe(1);
  const rows = await pool.sql("SELECT id, state FROM reservations WHERE username = 'twin'");
  expect(rows).toEqual([{ id: successes[0]?.body.id, state: "active" }]);
  expect(await pool.sql("SELECT 1 FROM machines WHERE reservation_id IS NOT NULL")).toHaveLength(2);
  await call(pool.api, "POST", "/release_all");
});

test("40 machines are ready at the bell", async () => {
  const starts_at = new Date(Date.now() + 20_000).toISOString();
  const password = "for the class";
  const asked = { username: "class", password, count: 40, duration: 30, starts_at };
  const { status, body } = await call(pool.api, "POST", "/reservations", asked);
  expect([200, 201, 202]).toContain(status);
  const ready = await until("its accounts are there", 60_000, async () => {
    const { body: now } = await call(pool.api, "GET", `/reservations/${body.id}?wait=5`);
    return now.state === "active" && now;
  });
  expect(Date.now()).toBeLessThan(Date.parse(starts_at));
  expect([ready.starts_at, ready.machines.length]).toEqual([starts_at, 40]);
  const logins = await Promise.all(
    ready.machines.map(({ port }: { port: number }) => canLogIn({ port, username: "class", password })),
  );
  expect(logins).toEqual(Array(40).fill(true));
  await call(pool.api, "POST", "/release_all");
});
