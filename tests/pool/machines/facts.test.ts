// Facts are learnt wherever a machine is checked, and label expressions see them beside the labels. What changes a plan is
// told to the planner.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { PoolError } from "../../../pool/errors.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { probe } from "../../../pool/lifecycle/probe.ts";
import { retry } from "../../../pool/lifecycle/retry.ts";
import { changeMachine } from "../../../pool/machines/change.ts";
import { type RegisterInput, register } from "../../../pool/machines/register.ts";
import { removeMachine } from "../../../pool/machines/remove.ts";
import { forecast } from "../../../pool/reservations/forecast.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { planOnChange } from "../../../pool/reservations/schedule/planner.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import machineRoute from "../../../routes/machines/[name].ts";
import machinesRoute from "../../../routes/machines/index.ts";
import { inProcess } from "../../support/in_process.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

const DEBIAN = { os: "debian", arch: "x86_64", cpus: "16", ram: "64", disk: "500", kernel: "6.12.57+deb13" };
const ALPINE = { os: "alpine", arch: "aarch64", cpus: "2", ram: "4", disk: "20", kernel: "6.6.1-0-lts" };

let pool: StubPool;
let changes = 0;
beforeAll(async () => {
  pool = await startStubPool(2);
  pool.deps.changes.addEventListener("change", () => changes++);
});
afterAll(() => pool.stop());
beforeEach(() => {
  changes = 0;
});

const input = (port: number, more: Partial<RegisterInput> = {}): RegisterInput => ({
  name: `stub-${port}`,
  host: "127.0.0.1",
  port,
  user: "root",
  secret: { kind: "password", value: "none" },
  labels: {},
  hostKey: null,
  ...more,
});
const REQUEST: ReserveInput = { principal: ADMIN, username: "rae", count: 1, durationMinutes: 10 };
const ask = (more: Partial<ReserveInput>) => reserve(pool.deps, { ...REQUEST, ...more });
const view = (id: string) => viewReservation(pool.deps, id);
const factsOf = async (name: string) =>
  (await inProcess(machineRoute, pool.deps)("GET", `/machines/${name}`)).body.facts;
const probeNow = async () => {
  await pool.sql("UPDATE machines SET probed_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR");
  await probe(pool.deps);
};

test("learnt at registration, and again at each probe that finds them changed", async () => {
  expect(await factsOf("stub-1")).toEqual({});
  pool.facts.set(1, DEBIAN);
  await probeNow();
  expect(await factsOf("stub-1")).toEqual(DEBIAN);
  expect(changes).toBe(1);
  await probeNow();
  expect(changes).toBe(1);
  pool.facts.set(1, { ...DEBIAN, ram: "128" });
  await probeNow();
  expect((await factsOf("stub-1")).ram).toBe("128");
  expect(changes).toBe(2);
  pool.facts.set(1, DEBIAN);
  await probeNow();
  // Whoever has taken the machine over since the probe began knows better.
  pool.facts.set(1, ALPINE);
  const { look } = pool.deps.accounts;
  const deps = {
    ...pool.deps,
    accounts: {
      ...pool.deps.accounts,
      look: async (...all: Parameters<typeof look>) => {
        const seen = await look(...all);
        await pool.sql("UPDATE machines SET generation = generation + 1 WHERE name = 'stub-1'");
        return seen;
      },
    },
  };
  await pool.sql("UPDATE machines SET probed_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR");
  await probe(deps);
  expect(await factsOf("stub-1")).toEqual(DEBIAN);
  pool.facts.set(1, DEBIAN);

  pool.facts.set(3, ALPINE);
  expect((await register(pool.deps, input(3), true)).facts).toEqual(ALPINE);
  const { body } = await inProcess(machinesRoute, pool.deps)("GET", "/machines");
  expect(body.machines.map((one: { facts: object }) => one.facts)).toEqual([DEBIAN, {}, ALPINE]);
  await removeMachine(pool.deps, "stub-3", false);
});

test("learnt again when a machine leaves quarantine, and when a reservation's account is gone", async () => {
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'timeout', retry_at = UTC_TIMESTAMP(3) WHERE name = 'stub-2'",
  );
  pool.facts.set(2, DEBIAN);
  expect(await retry(pool.deps)).toBe(1);
  expect(await factsOf("stub-2")).toEqual(DEBIAN);
  const { id } = await ask({ machines: ["stub-2"] });
  pool.facts.set(2, ALPINE);
  await release(pool.deps, id);
  expect(await factsOf("stub-2")).toEqual(ALPINE);
});

test("label expressions see labels and facts, in claims, counts and plans", async () => {
  await changeMachine(pool.deps, "stub-1", { labels: { gpu: "", ram: "1" } });
  const outlook = async (where: string) => {
    const { matching, machines } = await forecast(pool.deps, { ...REQUEST, where });
    return [matching, ...machines];
  };
  expect(await outlook('fact.os == "alpine"')).toEqual([1, "stub-2"]);
  expect(await outlook("gpu && fact.ram >= 64 && ram < 2")).toEqual([1, "stub-1"]);
  expect(await outlook('fact.arch in ["aarch64", "riscv64"] && fact.cpus <= 2')).toEqual([1, "stub-2"]);
  expect(await outlook("os || cpus || fact.gpu")).toEqual([0]);
  expect((await outlook("fact.kernel"))[0]).toBe(2);

  const taken = await ask({ where: 'fact.os == "debian"' });
  expect(taken.machines.map(({ machine }) => machine)).toEqual(["stub-1"]);
  // Claimed at once, not by way of the queue, which would have found it, too.
  expect(await pool.sql("SELECT kind FROM reservations WHERE id = ?", [taken.id])).toEqual([
    { kind: "direct" },
  ]);
  const refused = await ask({ where: 'fact.os == "debian"' }).catch((error) => error);
  expect(refused).toBeInstanceOf(PoolError);
  expect([refused.kind, refused.message]).toEqual([
    "not_enough_machines",
    expect.stringContaining("Only 0 machines available"),
  ]);
  await release(pool.deps, taken.id);
});

test("an admin's labels can't be facts", async () => {
  const words =
    "labels.fact.os: a label can't begin with fact.: those are the facts that machines tell about themselves";
  const refused = { status: 400, body: { code: "invalid_request", error: words } };
  const labels = { a: "b", "fact.os": "plan9" };
  const patch = inProcess(machineRoute, pool.deps);
  expect(await patch("PATCH", "/machines/stub-1", { labels })).toMatchObject(refused);
  const post = inProcess(machinesRoute, pool.deps);
  const { name, host, port } = input(4);
  const machine = { name, host, port, password: "x", labels };
  expect(await post("POST", "/machines", machine)).toMatchObject(refused);
  expect((await post("GET", "/machines")).body.machines).toHaveLength(2);
  expect(changes).toBe(0);
  const near = { fact: "1", "facts.os": "2", "a.fact.os": "3", "Fact.os": "4" };
  expect((await patch("PATCH", "/machines/stub-1", { labels: near })).body.labels).toEqual(near);
});

test("a change of labels or drained, a registration and a removal are told to the planner", async () => {
  const told = async (what: () => Promise<unknown>) => {
    changes = 0;
    await what().catch(() => {});
    return changes > 0;
  };
  expect(await told(() => changeMachine(pool.deps, "stub-1", { labels: {} }))).toBe(true);
  expect(await told(() => changeMachine(pool.deps, "stub-1", { drained: true }))).toBe(true);
  expect(await told(() => changeMachine(pool.deps, "stub-1", { drained: false }))).toBe(true);
  expect(await told(() => changeMachine(pool.deps, "none", { drained: false }))).toBe(false);
  expect(await told(() => register(pool.deps, input(5), false))).toBe(true);
  expect(await told(() => removeMachine(pool.deps, "stub-5", false))).toBe(true);
  expect(await told(() => removeMachine(pool.deps, "stub-5", false))).toBe(false);
  expect(await told(() => register(pool.deps, input(6), true))).toBe(true);
  const { id } = await ask({ machines: ["stub-6"] });
  expect(await told(() => removeMachine(pool.deps, "stub-6", false))).toBe(false);
  expect(await told(() => removeMachine(pool.deps, "stub-6", true))).toBe(true);
  await release(pool.deps, id).catch(() => {});
});

test("who waits for a label gets the machine that is given it, at once", async () => {
  planOnChange(pool.deps);
  await changeMachine(pool.deps, "stub-1", { labels: { gpu: "" } });
  const first = await ask({ where: "gpu", durationMinutes: 60 });
  const second = await ask({ where: "gpu", wait: 600 });
  expect(second.state).toBe("queued");
  // No scheduler runs here that would find it later.
  await changeMachine(pool.deps, "stub-2", { labels: { gpu: "" } });
  await until("it has started", 10_000, async () => (await view(second.id)).state === "active");
  expect((await view(second.id)).machines.map(({ machine }) => machine)).toEqual(["stub-2"]);

  // The same when a probe learns something, or a machine joins.
  const third = await ask({ where: 'fact.os == "debian"', wait: 600 });
  expect(third.state).toBe("queued");
  await release(pool.deps, second.id);
  pool.facts.set(2, DEBIAN);
  await probeNow();
  await until("it has started", 10_000, async () => (await view(third.id)).state === "active");
  for (const { id } of [first, third]) await release(pool.deps, id);
});
