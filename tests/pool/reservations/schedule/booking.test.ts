// Bookings on fake machines: accounts are there at the start, whatever breaks before.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { forecast } from "../../../../pool/reservations/forecast.ts";
import { release } from "../../../../pool/reservations/release.ts";
import { reserve } from "../../../../pool/reservations/reserve.ts";
import { planDue, planNow, planOnChange } from "../../../../pool/reservations/schedule/planner.ts";
import type { ReserveInput } from "../../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(4);
  planOnChange(pool.deps);
});
afterAll(() => pool.stop());
beforeEach(async () => {
  pool.creates.clear();
  await pool.sql("UPDATE machines SET drained = 0");
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(pool.deps, id).catch(() => {});
  await pool.sql(
    "UPDATE machines SET state = 'available', fault = NULL, retry_at = NULL WHERE state = 'quarantined'",
  );
  await until("all is free", 10_000, async () => {
    const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM machines WHERE state = 'available'");
    return n === 4;
  });
});

const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
const ask = (input: Partial<ReserveInput>) =>
  reserve(pool.deps, { principal: ADMIN, username: "ann", count: 1, durationMinutes: 10, ...input });
const book = (minutes: number, input: Partial<ReserveInput> = {}) =>
  ask({ startsAt: inMinutes(minutes), ...input });
const view = (id: string) => viewReservation(pool.deps, id);
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const namesOf = ({ machines }: { machines: { machine: string }[] }) => machines.map(({ machine }) => machine);
/** Moves a booking's start, as if time had passed. */
async function bring(id: string, seconds: number) {
  const by = `INTERVAL (TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), r.starts_at) - ${seconds} * 1000000) MICROSECOND`;
  await pool.sql(
    `UPDATE commitments c JOIN reservations r ON r.id = c.reservation_id
     SET c.busy_from = c.busy_from - ${by}, c.ends_at = c.ends_at - ${by}, c.starts_at = c.starts_at - ${by} WHERE r.id = ?`,
    [id],
  );
  await pool.sql(`UPDATE reservations r SET r.ends_at = r.ends_at - ${by} WHERE r.id = ?`, [id]);
  await pool.sql("UPDATE reservations SET starts_at = UTC_TIMESTAMP(3) + INTERVAL ? SECOND WHERE id = ?", [
    seconds,
    id,
  ]);
}

test("machines are booked for a time; who comes before gets them only until then", async () => {
  const booked = await book(60, { count: 3, durationMinutes: 120 });
  expect(booked).toMatchObject({ state: "booked", position: null, uncertain: false });
  expect(booked.machines).toHaveLength(3);
  expect((booked.endsAt?.getTime() ?? 0) - (booked.startsAt?.getTime() ?? 0)).toBe(7_200_000);
  expect((await ask({ count: 4, durationMinutes: 58 })).state).toBe("active");
  const [{ id }] = await pool.sql("SELECT id FROM reservations WHERE state = 'active'");
  await release(pool.deps, id);
  // An hour would reach into the time in which the accounts are made.
  const long = await problem(ask({ count: 4, durationMinutes: 60 }));
  expect(long.kind).toBe("not_enough_machines");
  const next = new Date(long.details[0].next_at).getTime();
  expect(next - (booked.endsAt?.getTime() ?? 0)).toBe(5000);
  const one = await ask({ count: 1, durationMinutes: 600 });
  expect(namesOf(booked)).not.toContain(namesOf(one)[0]);
});

test("a time at which there are not enough is refused, with the next that has them", async () => {
  const first = await book(60, { count: 3, durationMinutes: 60 });
  const second = await problem(book(90, { count: 2 }));
  expect(second.kind).toBe("not_enough_machines");
  const next = new Date(second.details[0].next_at).getTime() - (first.endsAt?.getTime() ?? 0);
  // The turnaround, and the time in which its accounts are made.
  expect(next).toBe(65_000);
  expect((await book(90, { count: 1 })).state).toBe("booked");
  expect(await problem(book(60, { count: 5 }))).toMatchObject({ kind: "never_enough" });
  expect(await problem(book(-2))).toMatchObject({ kind: "invalid_request" });
  expect(await problem(book(91 * 24 * 60))).toMatchObject({ kind: "invalid_request" });
});

test("20 bookings of two processes at once: never more than the pool has, no machine twice", async () => {
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      problem(book(60 + 5 * (n % 4), { username: `b${n}`, count: 1 + (n % 2), durationMinutes: 30 })),
    ),
  );
  expect(all.filter((error) => error && error.kind !== "not_enough_machines")).toEqual([]);
  expect(await pool.sql("SELECT id FROM reservations WHERE state = 'booked'")).not.toHaveLength(0);
  expect(
    await pool.sql(`SELECT a.* FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id AND a.reservation_id < b.reservation_id
      AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`),
  ).toEqual([]);
});

test("its accounts are made in the minute before its start; its times stay what was booked", async () => {
  const { id } = await book(30, { count: 2 });
  await bring(id, 61);
  await planDue(pool.deps);
  expect((await view(id)).state).toBe("booked");
  await bring(id, 30);
  const { startsAt, endsAt } = await view(id);
  await planDue(pool.deps);
  await until("its accounts are there", 5000, async () => (await view(id)).state === "active");
  const active = await view(id);
  expect(active).toMatchObject({ startsAt, endsAt });
  expect((active.startsAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(20_000);
  expect(await pool.sql("SELECT * FROM commitments")).toEqual([]);
});

test("one for now starts at once", async () => {
  expect(await book(0)).toMatchObject({ state: "active", password: expect.any(String) });
});

test("a machine that breaks before is replaced by another that it may have, and its user sees which", async () => {
  const booked = await book(60, { count: 2, except: ["stub-4"] });
  const [broken = ""] = namesOf(booked);
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'unreachable', retry_at = UTC_TIMESTAMP(3) + INTERVAL 2 HOUR WHERE name = ?",
    [broken],
  );
  await planNow(pool.deps);
  const repaired = await view(booked.id);
  expect(repaired).toMatchObject({ state: "booked", startsAt: booked.startsAt, delay: null });
  expect(namesOf(repaired)).toHaveLength(2);
  expect(namesOf(repaired)).not.toContain(broken);
  expect(namesOf(repaired)).not.toContain("stub-4");
  // A second one: there is no other. Its user is told as soon as it is known.
  const [second = ""] = namesOf(repaired);
  await pool.sql("UPDATE machines SET drained = 1 WHERE name = ?", [second]);
  await planNow(pool.deps);
  const short = await view(booked.id);
  expect(short).toMatchObject({ state: "booked", delay: "one of its machines was drained or removed" });
  expect(
    await pool.sql("SELECT * FROM events WHERE object = ? AND action = 'reservation.short'", [booked.id]),
  ).toHaveLength(1);
  await planNow(pool.deps);
  expect(
    await pool.sql("SELECT * FROM events WHERE object = ? AND action = 'reservation.short'", [booked.id]),
  ).toHaveLength(1);
  await pool.sql("UPDATE machines SET drained = 0");
  await planNow(pool.deps);
  expect((await view(booked.id)).delay).toBeNull();
});

test("with too few machines at its start: what there is if it may, else it fails and says so", async () => {
  const [least, all] = [await book(60, { count: 2, minCount: 1 }), await book(60, { count: 2 })];
  const taken = [...namesOf(least), ...namesOf(all)];
  expect(new Set(taken).size).toBe(4);
  await pool.sql("UPDATE machines SET drained = 1 WHERE name IN (?, ?)", [taken[0], taken[2]]);
  for (const { id } of [least, all]) await bring(id, 20);
  await planDue(pool.deps);
  expect([(await view(least.id)).state, (await view(all.id)).state]).toEqual(["booked", "booked"]);
  for (const { id } of [least, all]) await bring(id, -1);
  await planDue(pool.deps);
  await until("one has started", 5000, async () => (await view(least.id)).state === "active");
  expect((await view(least.id)).machines).toHaveLength(1);
  expect((await view(all.id)).state).toBe("booked");
  await bring(all.id, -31);
  await planDue(pool.deps);
  expect(await view(all.id)).toMatchObject({
    state: "failed",
    reason: "only 1 of 2 machines were free at its start",
  });
});

test("a machine that fails while it is prepared: another, or again until its start", async () => {
  const { id } = await book(60, { count: 4 });
  let fails = 1;
  pool.creates.set(2, () => {
    if (fails-- > 0) throw new MachineFault("unreachable", "no route");
  });
  await bring(id, 50);
  await planDue(pool.deps);
  await until("it waits again", 5000, async () => (await view(id)).state === "booked");
  await pool.sql("UPDATE reservations SET not_before = NULL");
  await until("its accounts are there", 10_000, async () => {
    await planDue(pool.deps);
    return (await view(id)).state === "active";
  });
});

test("the queue is planned around bookings, and a booking around the queue's told starts", async () => {
  const booked = await book(30, { count: 4, durationMinutes: 60 });
  const waits = await ask({ count: 1, durationMinutes: 45, wait: 600 });
  expect(waits.state).toBe("queued");
  expect((waits.startsAt?.getTime() ?? 0) - (booked.endsAt?.getTime() ?? 0)).toBe(5000);
  const between = await problem(
    ask({ startsAt: new Date((waits.startsAt?.getTime() ?? 0) + 60_000), count: 4 }),
  );
  expect(between.kind).toBe("not_enough_machines");
  await release(pool.deps, booked.id);
  await until("it has started", 5000, async () => (await view(waits.id)).state === "active");
});

test("a dry run says of a start what booking it would", async () => {
  const dry = (minutes: number, count = 1) =>
    forecast(pool.deps, {
      principal: ADMIN,
      username: "ann",
      count,
      durationMinutes: 10,
      startsAt: inMinutes(minutes),
    });
  for (const minutes of [-2, 91 * 24 * 60])
    expect(await problem(dry(minutes))).toMatchObject({ kind: "invalid_request" });
  expect(await dry(60, 4)).toMatchObject({ matching: 4, startsAt: expect.any(Date), reason: null });
  await book(60, { count: 3 });
  expect(await dry(60, 2)).toMatchObject({
    startsAt: null,
    reason: expect.stringMatching(/^There are not enough machines at that time; the next time .* is 2/),
  });
});

test("the next time that is told can be booked, also of a start within the next minute", async () => {
  await ask({ count: 4 });
  const refused = await problem(book(0.2));
  const next = new Date(refused.details[0].next_at);
  expect(await ask({ startsAt: next })).toMatchObject({ state: "booked", startsAt: next });
});

test("one that lost all of its machines starts with the only other that is free, if it may", async () => {
  const booked = await book(60, { count: 3, minCount: 1, except: [] });
  const names = namesOf(booked);
  await pool.sql("UPDATE machines SET drained = 1 WHERE name IN (?)", [names]);
  await planNow(pool.deps);
  expect(await view(booked.id)).toMatchObject({ state: "booked", delay: expect.any(String) });
  expect(namesOf(await view(booked.id))).toHaveLength(1);
  await bring(booked.id, -1);
  await planDue(pool.deps);
  await until("it has started", 5000, async () => (await view(booked.id)).state === "active");
  expect(names).not.toContain(namesOf(await view(booked.id))[0]);
});

test("one that counts on a quarantined machine is uncertain until that is clean", async () => {
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'unreachable', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE WHERE name = 'stub-1'",
  );
  const { id, uncertain } = await book(60, { count: 4 });
  expect(uncertain).toBe(true);
  await planNow(pool.deps);
  expect((await view(id)).uncertain).toBe(true);
  await pool.sql(
    "UPDATE machines SET state = 'available', fault = NULL, retry_at = NULL WHERE name = 'stub-1'",
  );
  await planNow(pool.deps);
  expect((await view(id)).uncertain).toBe(false);
});
