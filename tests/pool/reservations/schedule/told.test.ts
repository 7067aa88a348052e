// What was told is kept to the second: nobody starts later because somebody before them started a moment late.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { expire } from "../../../../pool/reservations/expire.ts";
import { reserve } from "../../../../pool/reservations/reserve.ts";
import { planDue, planNow, planOnChange } from "../../../../pool/reservations/schedule/planner.ts";
import type { ReserveInput } from "../../../../pool/reservations/steps/admit.ts";
import { type ReservationView, viewReservation } from "../../../../pool/reservations/view.ts";
import { emptyPool, type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(2);
  planOnChange(pool.deps);
});
afterAll(() => pool.stop());
beforeEach(() => emptyPool(pool, 2));

const ask = (input: Partial<ReserveInput> = {}) =>
  reserve(pool.deps, { principal: ADMIN, username: "ann", count: 2, durationMinutes: 10, ...input });
const wait = (input: Partial<ReserveInput> = {}) => ask({ wait: 600, ...input });
const view = (id: string) => viewReservation(pool.deps, id);
const startOf = ({ startsAt }: ReservationView) => startsAt?.getTime() ?? 0;
const delays = (id: string) =>
  pool.sql("SELECT * FROM events WHERE object = ? AND action = 'reservation.delayed'", [id]);

/** Moves all of the calendar, as if time had passed, until so many ms after a start; who held machines is gone by then. */
async function passUntil(ms: number, one: ReservationView) {
  await pool.sql("UPDATE machines SET state = 'available', reservation_id = NULL");
  await pool.sql("UPDATE holds SET released_at = UTC_TIMESTAMP(3)");
  await pool.sql(
    "UPDATE reservations SET state = 'ended', ended_at = UTC_TIMESTAMP(3) WHERE state = 'active'",
  );
  const [{ by }] = await pool.sql(
    "SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), starts_at) + ? * 1000 AS `by` FROM reservations WHERE id = ?",
    [ms, one.id],
  );
  for (const [table, columns] of [
    ["commitments", ["busy_from", "starts_at", "ends_at"]],
    ["reservations", ["starts_at", "ends_at", "wait_until"]],
  ] as const)
    for (const column of columns)
      await pool.sql(`UPDATE ${table} SET ${column} = ${column} - INTERVAL ? MICROSECOND`, [by]);
}
const mayWaitUntilStart = ({ id }: ReservationView) =>
  pool.sql("UPDATE reservations SET wait_until = starts_at + INTERVAL 0.2 SECOND WHERE id = ?", [id]);
/** A start, after so much time has passed. */
const told = async ({ id }: ReservationView) => startOf(await view(id));

test("whoever starts a moment late delays nobody behind them", async () => {
  await ask();
  const [first, second] = [await wait(), await wait({ username: "bob" })];
  await passUntil(900, first);
  const before = await told(second);
  await planDue(pool.deps);
  await until("the first has started", 5000, async () => (await view(first.id)).state === "active");
  await planNow(pool.deps);
  expect(await delays(second.id)).toEqual([]);
  expect(await told(second)).toBeLessThanOrEqual(before);
});

test("a booking that waits for a machine after its start delays nobody: its end is fixed", async () => {
  const booked = await ask({ startsAt: new Date(Date.now() + 10 * 60_000) });
  const second = await wait();
  await passUntil(8000, booked);
  await pool.sql("UPDATE machines SET state = 'cleaning', since = UTC_TIMESTAMP(3) WHERE name = 'stub-1'");
  const before = await told(second);
  await planDue(pool.deps);
  await pool.sql("UPDATE machines SET state = 'available' WHERE name = 'stub-1'");
  expect((await view(booked.id)).state).toBe("booked");
  expect(await delays(second.id)).toEqual([]);
  expect(await told(second)).toBe(before);
});

test("a booking whose end has come before any scheduler ran fails, and makes no account", async () => {
  const booked = await ask({ startsAt: new Date(Date.now() + 10 * 60_000) });
  let made = 0;
  for (const port of [1, 2]) pool.creates.set(port, () => void made++);
  await passUntil(11 * 60_000, booked);
  await planDue(pool.deps);
  await until("it has failed", 5000, async () => (await view(booked.id)).state !== "booked");
  expect(await view(booked.id)).toMatchObject({
    state: "failed",
    reason: "its time was over before it could start",
  });
  expect(made).toBe(0);
});

test("whoever was told a start within the time that they may wait gets it, also when that is over a moment later", async () => {
  await ask();
  const first = await wait();
  await mayWaitUntilStart(first);
  await passUntil(900, first);
  await planDue(pool.deps);
  await until("it has started", 5000, async () => (await view(first.id)).state === "active");
});

test("but not for longer: a start that comes too late is told, and then it has waited as long as it may", async () => {
  await ask();
  const first = await wait();
  await mayWaitUntilStart(first);
  await passUntil(11_000, first);
  await pool.sql("UPDATE machines SET state = 'cleaning', since = UTC_TIMESTAMP(3) WHERE name = 'stub-1'");
  await planDue(pool.deps);
  await planDue(pool.deps);
  await pool.sql("UPDATE machines SET state = 'available' WHERE name = 'stub-1'");
  expect(await delays(first.id)).toHaveLength(1);
  expect(await view(first.id)).toMatchObject({ state: "failed" });
});

test("of many who come at once, nobody is told a start that is later than they may wait for", async () => {
  await ask();
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      wait({ username: `u${n}`, wait: 30 }).catch(({ kind, details }) => ({ kind, ...details[0] })),
    ),
  );
  const queued = all.filter((one) => one.state === "queued");
  expect(queued).toHaveLength(2);
  for (const { startsAt, waitUntil } of queued) expect(startsAt <= waitUntil).toBe(true);
  const refused = all.filter((one) => one.kind === "not_enough_machines");
  expect(refused).toHaveLength(4);
  for (const { next_at } of refused)
    expect(new Date(next_at).getTime()).toBeGreaterThan(Date.now() + 30 * 60_000);
});

test("what a start takes is not cut from its time, although somebody is planned right behind it", async () => {
  await ask();
  const [first] = [await wait(), await wait({ username: "bob" })];
  await passUntil(100, first);
  const { accounts } = pool.deps;
  const create: typeof accounts.create = async () => void (await planNow(pool.deps));
  pool.deps.accounts = { ...accounts, create };
  await planDue(pool.deps);
  await until("it has started", 5000, async () => (await view(first.id)).state === "active");
  pool.deps.accounts = accounts;
  const { startsAt, endsAt } = await view(first.id);
  expect((endsAt?.getTime() ?? 0) - (startsAt?.getTime() ?? 0)).toBe(600_000);
});

test("nor is it from the time of one that starts at once, while somebody joins the queue", async () => {
  const { accounts } = pool.deps;
  let queued: Promise<unknown> | undefined;
  const create: typeof accounts.create = async () => {
    queued ??= wait({ username: "bob" });
    await queued;
  };
  pool.deps.accounts = { ...accounts, create };
  const { startsAt, endsAt } = await ask();
  pool.deps.accounts = accounts;
  expect((endsAt?.getTime() ?? 0) - (startsAt?.getTime() ?? 0)).toBe(600_000);
});

test("a holder whose end was noticed late delays nobody: the time to clean counts from the end", async () => {
  const full = await ask();
  const first = await wait();
  const by = "INTERVAL 602 SECOND";
  for (const [table, columns] of [
    ["commitments", ["busy_from", "starts_at", "ends_at"]],
    ["reservations", ["starts_at", "ends_at"]],
  ] as const)
    for (const column of columns) await pool.sql(`UPDATE ${table} SET ${column} = ${column} - ${by}`);
  const before = await told(first);
  const { accounts } = pool.deps;
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  pool.deps.accounts = {
    ...accounts,
    clean: async (...parts) => {
      await gate;
      return accounts.clean(...parts);
    },
  };
  const expired = expire(pool.deps);
  await until("it is being cleaned", 5000, async () => (await view(full.id)).state === "ending");
  await planNow(pool.deps);
  expect(await delays(first.id)).toEqual([]);
  expect(await told(first)).toBe(before);
  go();
  await expired;
  pool.deps.accounts = accounts;
});

test("a claim counts on the time that making its accounts takes, too", async () => {
  // The machines are needed a minute before, and must be clean by then: that takes five seconds.
  await ask({ startsAt: new Date(Date.now() + 11 * 60_000 + 6000), username: "bob" });
  const error = await ask().catch((e) => e);
  expect(error).toMatchObject({ kind: "not_enough_machines" });
  expect((await ask({ durationMinutes: 9 })).state).toBe("active");
});
