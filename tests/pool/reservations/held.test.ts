// What counts against a user's limit on machines, including released ones that can't be cleaned because of them.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Behaviour, type FakeMachine, newKey, startFake } from "../../faults/tools/fake_ssh.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

const ADMIN = "the-admins-own-token";
let pool: TestPool;
let fakes: FakeMachine[];
let token = ADMIN;
const ask = (method: string, path: string, body?: unknown, by = token) =>
  call(pool.api, method, path, body, { Authorization: `Bearer ${by}` });

beforeAll(async () => {
  pool = await startPool(0, { settings: { ADMIN_TOKEN: ADMIN, SSH_TIMEOUT_SECONDS: "2" } });
  const key = newKey();
  fakes = await Promise.all([1, 2, 3].map((n) => startFake({ name: `fake-${n}`, key })));
  for (const { name, host, port, user, password } of fakes)
    expect((await ask("POST", "/machines", { name, host, port, user, password })).status).toBe(201);
  await ask("POST", "/users", { name: "uma", role: "user", max_machines: 1 });
  token = (await ask("POST", "/tokens", { user: "uma", name: "t", days: 1 })).body.token;
});
afterAll(async () => {
  await pool.stop();
  for (const fake of fakes) fake.stop();
});

const reserve = () => ask("POST", "/reservations", { username: "uma" });
const behave = (behaviour: Behaviour) => {
  for (const fake of fakes) fake.behaviour = behaviour;
};
const uncleaned = (kind: string): Behaviour => ({
  say: (truth) =>
    truth.startsWith("CLEAN")
      ? { text: `FAIL ${kind} something\n`, status: 1 }
      : { text: `${truth}\n`, status: 0 },
});
/** What a scheduler would do. */
const cleanUp = async (id: string) => {
  behave({});
  await until(
    "all is clean",
    20_000,
    async () => (await ask("DELETE", `/reservations/${id}`)).status !== 202,
  );
  expect((await ask("GET", "/available")).body.available).toHaveLength(3);
};

for (const kind of ["leftovers", "foreign_account", "failed", "timeout"])
  test(`a released machine counts while its holder keeps it from being cleaned: ${kind}`, async () => {
    const { id } = (await reserve()).body;
    behave(uncleaned(kind));
    expect((await ask("DELETE", `/reservations/${id}`)).status).toBe(202);
    const { status, body } = await reserve();
    expect([status, body.code]).toEqual([403, "limit_reached"]);
    expect(body.error).toStartWith(
      "You may hold 1 machines at once, and you hold 1 (1 of them released but not clean yet",
    );
    await cleanUp(id);
    const again = await reserve();
    expect(again.status).toBe(201);
    await cleanUp(again.body.id);
  });

test("one that can't be reached does not count: it isn't the user's fault that a machine is switched off", async () => {
  const { id, machines } = (await reserve()).body;
  const off = fakes.find(({ name }) => name === machines[0].machine) as FakeMachine;
  off.behaviour = { close: "accept" };
  expect((await ask("DELETE", `/reservations/${id}`)).status).toBe(202);
  expect((await ask("GET", `/machines/${off.name}`)).body.fault).toBe("unreachable");
  const other = await reserve();
  expect(other.status).toBe(201);
  await ask("DELETE", `/reservations/${other.body.id}`);
  await cleanUp(id);
});

test("one that is still being cleaned counts", async () => {
  const { id } = (await reserve()).body;
  behave({ stall: "output" });
  const released = ask("DELETE", `/reservations/${id}`);
  await until("it is being cleaned", 10_000, async () =>
    (await pool.sql("SELECT state FROM machines")).some(({ state }) => state === "cleaning"),
  );
  expect((await reserve()).body).toMatchObject({
    code: "limit_reached",
    error: expect.stringContaining("not clean yet"),
    details: [{ field: "count", message: "at most 0 more" }],
  });
  // The other machines serve other users.
  for (const fake of fakes) if (fake.account === "") fake.behaviour = {};
  const theirs = await ask("POST", "/reservations", { username: "ada" }, ADMIN);
  expect(theirs.status).toBe(201);
  for (const fake of fakes) fake.stop();
  await released;
});
