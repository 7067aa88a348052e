// What a user may have waiting and booked, and what is left of it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { ADMIN, type Principal } from "../../../pool/identity/principal.ts";
import { createUser } from "../../../pool/identity/users.ts";
import { extend } from "../../../pool/reservations/extend.ts";
import { forecast } from "../../../pool/reservations/forecast.ts";
import { allowancesOf } from "../../../pool/reservations/limits/allowance.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { reduce } from "../../../pool/reservations/slots/reduce.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
let uma: Principal;
beforeAll(async () => {
  pool = await startStubPool(4, {
    MAX_QUEUED: "1",
    MAX_BOOKED: "2",
    MAX_EXTENSIONS: "3",
    BOOK_AHEAD_DAYS: "7",
  });
  const limits = { maxMachines: 3, maxDurationMinutes: 90, maxRequestsPerMinute: null };
  await createUser(pool.deps, "uma", "user", limits, null);
  const [{ id: userId }] = await pool.sql("SELECT id FROM users WHERE name = 'uma'");
  uma = { ...ADMIN, name: "uma", role: "user", userId, userName: "uma" };
});
afterAll(() => pool.stop());

const ask = (input: Partial<ReserveInput>) =>
  reserve(pool.deps, { principal: uma, username: "uma", count: 1, durationMinutes: 10, ...input });
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);

test("requests that wait, bookings and machines are counted, and what is left is told", async () => {
  expect(await allowancesOf(pool.deps, uma.userId)).toEqual({
    machines: { most: 3, left: 3 },
    queued: { most: 1, left: 1 },
    booked: { most: 2, left: 2 },
    extensions: 3,
    durationMinutes: 90,
    bookAheadDays: 7,
  });
  const full = await ask({ principal: ADMIN, username: "ann", count: 4, durationMinutes: 60 });
  const waits = await ask({ wait: 120 });
  const second = await problem(ask({ wait: 120 }));
  expect(second).toMatchObject({ kind: "limit_reached", details: [{ field: "wait" }] });
  expect(second.message).toBe("You may have 1 request waiting at once, and you have 1");
  // Three machines at a time, also in the future.
  await ask({ startsAt: inMinutes(300), count: 2 });
  const third = await problem(ask({ startsAt: inMinutes(305), count: 2 }));
  expect(third).toMatchObject({
    kind: "limit_reached",
    details: [{ field: "count", message: "at most 1 more" }],
  });
  await ask({ startsAt: inMinutes(600), count: 3 });
  expect(await problem(ask({ startsAt: inMinutes(900) }))).toMatchObject({
    details: [{ field: "starts_at" }],
  });
  expect(await problem(ask({ startsAt: inMinutes(8 * 24 * 60) }))).toMatchObject({ kind: "invalid_request" });
  expect(await problem(ask({ startsAt: inMinutes(1200), durationMinutes: 91 }))).toMatchObject({
    kind: "limit_reached",
  });
  expect(await allowancesOf(pool.deps, uma.userId)).toMatchObject({
    queued: { left: 0 },
    booked: { left: 0 },
    // What waits may start sooner than planned; what is booked may not.
    machines: { left: 2 },
  });
  await release(pool.deps, waits.id, uma.userId ?? "");
  await release(pool.deps, full.id);
  expect(await allowancesOf(pool.deps, uma.userId)).toMatchObject({
    queued: { left: 1 },
    machines: { left: 3 },
  });
});

test("no way leads to more machines at once: neither the queue, which may move up, nor an extension", async () => {
  for (const { id } of await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL"))
    await release(pool.deps, id);
  const full = await ask({ principal: ADMIN, username: "ann", machines: ["stub-1"], durationMinutes: 60 });
  const waits = await ask({ machines: ["stub-1"], wait: 120 });
  expect(await problem(ask({ count: 3 }))).toMatchObject({
    kind: "limit_reached",
    details: [{ message: "at most 2 more" }],
  });
  // It may not wait, so it isn't too many that wait.
  const direct = await ask({ count: 2 });
  expect(direct.state).toBe("active");
  for (const { id } of [direct, waits, full]) await release(pool.deps, id);
  const held = await ask({ count: 2, machines: ["stub-1", "stub-2"] });
  const others = { machines: ["stub-3", "stub-4"] };
  const booked = await ask({ startsAt: inMinutes(30), count: 2, ...others });
  const refused = await problem(extend(pool.deps, held.id, { minutes: 45 }, uma.userId ?? ""));
  expect(refused).toMatchObject({ kind: "cannot_extend", message: expect.stringContaining("3 machines") });
  expect(refused.details[0].until).toBe(booked.startsAt?.toISOString());
  const longest = await extend(pool.deps, held.id, { minutes: 45, atMost: true }, uma.userId ?? "");
  expect(longest.endsAt).toEqual(booked.startsAt);
  // One machine less leaves room for it.
  await release(pool.deps, booked.id);
  await ask({ startsAt: inMinutes(31), count: 1, ...others });
  await extend(pool.deps, held.id, { minutes: 30 }, uma.userId ?? "");
});

test("what is one after another isn't at once, and a machine that was released counts no longer", async () => {
  for (const { id } of await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL"))
    await release(pool.deps, id);
  const many = { ...pool.deps, maxBooked: 10 };
  const book = (minutes: number, durationMinutes: number, count = 1) => {
    const input = { principal: uma, username: "uma", count, durationMinutes };
    return reserve(many, { ...input, startsAt: inMinutes(minutes) });
  };
  // Three at once are allowed.
  await book(60, 30, 2);
  await book(120, 30, 2);
  expect((await book(60, 90)).state).toBe("booked");
  expect(await problem(book(80, 5))).toMatchObject({ kind: "limit_reached" });
  const held = await ask({ count: 3, durationMinutes: 50 });
  // A dry run says so, too.
  const dry = { principal: uma, username: "uma", count: 1, durationMinutes: 10 };
  expect(await forecast(pool.deps, dry)).toMatchObject({
    startsAt: null,
    reason: expect.stringMatching(/^You may hold 3 machines at once, and you hold 3/),
  });
  await reduce(pool.deps, held.id, ["node3"], uma.userId ?? "");
  expect((await book(10, 10)).state).toBe("booked");
  expect(await problem(book(10, 10))).toMatchObject({ kind: "limit_reached" });
});

test("somebody without a user has no limits of their own", async () => {
  expect(await allowancesOf(pool.deps, null)).toMatchObject({
    machines: { most: null, left: null },
    queued: { most: null },
    extensions: null,
  });
});
