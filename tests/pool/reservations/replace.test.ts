// A machine that breaks while it is held: another takes its slot, if the reservation asks for that.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { recover } from "../../../pool/lifecycle/recover.ts";
import { removeMachine } from "../../../pool/machines/remove.ts";
import { release } from "../../../pool/reservations/release.ts";
import { probeHeld } from "../../../pool/reservations/replace/probe.ts";
import { refill } from "../../../pool/reservations/replace/refill.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { planNow } from "../../../pool/reservations/schedule/planner.ts";
import { reduce } from "../../../pool/reservations/slots/reduce.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { addStub, type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
/** ports of machines that don't answer */
const dead = new Set<number>();
const made: [port: number, password: string][] = [];
const refuse = (port: number) => {
  if (dead.has(port)) throw new MachineFault("unreachable", "no route");
};
beforeAll(async () => {
  pool = await startStubPool(4);
  const { look, create, clean } = pool.deps.accounts;
  pool.deps.accounts = {
    ...pool.deps.accounts,
    look: async (target) => {
      refuse(target.port);
      return look(target);
    },
    create: async (target, generation, account, credential, seconds) => {
      refuse(target.port);
      made.push([target.port, credential.kind === "password" ? credential.password : "keys"]);
      return create(target, generation, account, credential, seconds);
    },
    clean: async (target, generation, holder) => {
      refuse(target.port);
      return clean(target, generation, holder);
    },
  };
});
afterAll(() => pool.stop());
beforeEach(async () => {
  dead.clear();
  made.length = 0;
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(pool.deps, id).catch(() => {});
  await until("all is free", 10_000, async () => {
    await recover(pool.deps);
    const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM machines WHERE state = 'available'");
    return n === 4;
  });
});

const ask = (input: Partial<ReserveInput> = {}) =>
  reserve(pool.deps, {
    principal: ADMIN,
    username: "ann",
    count: 2,
    durationMinutes: 10,
    password: "hers",
    replace: true,
    ...input,
  });
const view = (id: string) => viewReservation(pool.deps, id);
const slots = async (id: string): Promise<Record<string, string>> =>
  Object.fromEntries((await view(id)).machines.map(({ slot, machine }) => [slot, machine]));
const portOf = (name: string) => Number(name.replace("stub-", ""));
const isPreparing = async () =>
  (await pool.sql("SELECT id FROM machines WHERE state = 'preparing'")).length > 0;
/** As if the time between two probes had passed. */
const probe = async () => {
  await pool.sql("UPDATE machines SET probed_at = '2020-01-01'");
  await probeHeld(pool.deps);
};

test("after three failed probes in a row, another machine takes the slot, with the same account and password", async () => {
  const { id } = await ask();
  const before = await slots(id);
  const broken = before.node1 as string;
  dead.add(portOf(broken));
  await probe();
  await probe();
  dead.clear();
  await probe(); // it answers: not in a row
  dead.add(portOf(broken));
  await probe();
  await probe();
  expect(await slots(id)).toEqual(before);
  await probe();
  expect(await slots(id)).toEqual({ node2: before.node2 as string });
  expect(await refill(pool.deps)).toBe(1);
  const after = await slots(id);
  expect(after).toEqual({ node1: expect.any(String), node2: before.node2 as string });
  expect(after.node1).not.toBe(broken);
  expect(made.at(-1)).toEqual([portOf(after.node1 as string), "hers"]);
  expect(await refill(pool.deps)).toBe(0);
  // The old one waits with its account until it answers, and doesn't come back into the reservation.
  await recover(pool.deps);
  const [old] = await pool.sql("SELECT * FROM machines WHERE name = ?", [broken]);
  expect(old).toMatchObject({ state: "quarantined", fault: "unreachable", reservation_id: id });
  const actions = await pool.sql("SELECT action FROM events WHERE object = ? ORDER BY id", [id]);
  expect(actions.map(({ action }) => action)).toEqual([
    "reservation.claimed",
    "reservation.confirmed",
    "reservation.machine_lost",
    "reservation.replaced",
  ]);
  dead.clear();
});

test("slots that no machine may have don't keep others from one", async () => {
  const { id } = await ask();
  const hopeless = await ask({ username: "bob", count: 1 });
  dead.add(portOf((await slots(id)).node1 as string));
  for (let n = 0; n < 3; n++) await probe();
  // As if it had lost many machines, which had what no other has; and came first.
  await pool.sql("UPDATE reservations SET where_labels = 'gpu' WHERE id = ?", [hopeless.id]);
  await pool.sql(
    `INSERT INTO holds (id, reservation_id, machine_id, machine_name, slot, claimed_at, released_at, lacking)
     SELECT CONCAT('lost-', seq), ?, CONCAT('gone-', seq), CONCAT('gone-', seq), seq + 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), 1 FROM seq_1_to_40`,
    [hopeless.id],
  );
  await pool.sql("UPDATE reservations SET id = '0' WHERE id = ?", [hopeless.id]);
  await pool.sql("UPDATE holds SET reservation_id = '0' WHERE reservation_id = ?", [hopeless.id]);
  await pool.sql("UPDATE machines SET reservation_id = '0' WHERE reservation_id = ?", [hopeless.id]);
  await until("the slot has a machine", 10_000, async () => {
    await refill(pool.deps);
    return Object.keys(await slots(id)).length === 2;
  });
});

test("a machine that takes a slot is shown once its account works", async () => {
  const { id } = await ask();
  dead.add(portOf((await slots(id)).node1 as string));
  for (let n = 0; n < 3; n++) await probe();
  const { accounts } = pool.deps;
  let shown: string[] = [];
  const create: typeof accounts.create = async (...step) => {
    shown = Object.keys(await slots(id));
    return accounts.create(...step);
  };
  await refill({ ...pool.deps, accounts: { ...accounts, create } });
  expect(shown).toEqual(["node2"]);
  expect(Object.keys(await slots(id))).toEqual(["node1", "node2"]);
});

test("failed probes of a machine's last holder don't count against the next one's", async () => {
  const { id } = await ask({ count: 4 });
  for (const port of [1, 2, 3, 4]) dead.add(port);
  await probe();
  await probe();
  dead.clear();
  await release(pool.deps, id);
  const next = await ask({ username: "bob", count: 4 });
  for (const port of [1, 2, 3, 4]) dead.add(port);
  await probe();
  dead.clear();
  expect(Object.keys(await slots(next.id))).toHaveLength(4);
});

test("without `replace`, nobody probes or replaces it; and its password is erased", async () => {
  const { id } = await ask({ replace: false });
  for (const machine of Object.values(await slots(id))) dead.add(portOf(machine));
  for (let n = 0; n < 4; n++) await probe();
  expect(Object.keys(await slots(id))).toEqual(["node1", "node2"]);
  expect((await pool.sql("SELECT credential FROM reservations WHERE id = ?", [id]))[0].credential).toBeNull();
  dead.clear();
});

test("with none that it may have, the slot stays empty until there is one", async () => {
  const other = await ask({ username: "bob", replace: false });
  const { id } = await ask();
  const before = await slots(id);
  dead.add(portOf(before.node2 as string));
  for (let n = 0; n < 3; n++) await probe();
  await refill(pool.deps);
  expect(Object.keys(await slots(id))).toEqual(["node1"]);
  await release(pool.deps, other.id);
  await refill(pool.deps);
  expect(Object.keys(await slots(id))).toEqual(["node1", "node2"]);
  dead.clear();
});

test("an admin who removes the machine that broke doesn't end a reservation that waits for another", async () => {
  const other = await ask({ username: "bob", count: 3, replace: false });
  const { id } = await ask({ count: 1 });
  const broken = (await slots(id)).node1 as string;
  dead.add(portOf(broken));
  for (let n = 0; n < 3; n++) await probe();
  expect(await removeMachine(pool.deps, broken, true)).toEqual({ clean: false });
  expect((await view(id)).state).toBe("active");
  await release(pool.deps, other.id);
  await refill(pool.deps);
  expect(Object.keys(await slots(id))).toEqual(["node1"]);
  // Without one that is lacking, it is over with its last machine.
  const last = (await slots(id)).node1 as string;
  await removeMachine(pool.deps, last, true);
  expect((await view(id)).state).toBe("ended");
  dead.clear();
  for (const name of [broken, last]) await addStub(pool.deps, portOf(name));
});

test("a process that dies while it replaces one: the next tries again; and one that was released gets none", async () => {
  const { id } = await ask();
  const before = await slots(id);
  dead.add(portOf(before.node1 as string));
  for (let n = 0; n < 3; n++) await probe();
  const stuck = {
    ...pool.deps,
    worker: crypto.randomUUID(),
    accounts: { ...pool.deps.accounts, create: () => new Promise<never>(() => {}) },
  };
  void refill(stuck);
  await until("it is being prepared", 5000, isPreparing);
  expect(await refill(pool.deps)).toBe(0);
  await pool.sql("UPDATE machines SET lease_until = '2020-01-01' WHERE lease_worker = ?", [stuck.worker]);
  await recover(pool.deps);
  expect((await view(id)).state).toBe("active");
  await refill(pool.deps);
  expect(Object.keys(await slots(id))).toEqual(["node1", "node2"]);
  // Who releases a slot wants no other machine in it.
  await reduce(pool.deps, id, ["node2"]);
  expect(await refill(pool.deps)).toBe(0);
  expect(Object.keys(await slots(id))).toEqual(["node1"]);
  dead.clear();
});

test("one that is released while its machine is replaced leaves nothing behind", async () => {
  const { id } = await ask();
  dead.add(portOf((await slots(id)).node1 as string));
  for (let n = 0; n < 3; n++) await probe();
  let go = () => {};
  const { create } = pool.deps.accounts;
  const slow = {
    ...pool.deps,
    accounts: {
      ...pool.deps.accounts,
      create: async (...all: Parameters<typeof create>) => {
        await new Promise<void>((done) => {
          go = done;
        });
        return create(...all);
      },
    },
  };
  const filling = refill(slow);
  await until("it is being prepared", 5000, isPreparing);
  dead.clear();
  await release(pool.deps, id);
  go();
  await filling;
  await until("it is over", 5000, async () => {
    await recover(pool.deps);
    return (await view(id)).state === "ended";
  });
});

test("who holds machines that somebody waits for is told so", async () => {
  const held = await ask({ count: 4 });
  expect(held.wantedBy).toBe(0);
  await ask({ count: 1, username: "bob", wait: 60 });
  await ask({ count: 1, username: "cat", wait: 60 });
  await planNow(pool.deps);
  expect((await view(held.id)).wantedBy).toBe(2);
  const told = await pool.sql("SELECT * FROM events WHERE action = 'reservation.wanted' AND object = ?", [
    held.id,
  ]);
  expect(told).toHaveLength(1);
});
