// Longer and shorter on fake machines: up to what was promised to others, on all machines or none.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { createUser } from "../../../pool/identity/users.ts";
import { expire } from "../../../pool/reservations/expire.ts";
import { extend, foreseeEnd, undoExtensions } from "../../../pool/reservations/extend.ts";
import type { ExtendInput } from "../../../pool/reservations/limits/new_end.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { planNow, planOnChange } from "../../../pool/reservations/schedule/planner.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

const MINUTE = 60_000;
let pool: StubPool;
/** the seconds that a machine's account was last given, by port */
const given = new Map<number, number>();
let refuses: number | undefined;
beforeAll(async () => {
  pool = await startStubPool(3, { MAX_EXTENSIONS: "2" });
  pool.deps.accounts = {
    ...pool.deps.accounts,
    extend: async ({ port }, _generation, _account, seconds) => {
      if (port === refuses) throw new MachineFault("unreachable", "no route");
      given.set(port, seconds);
    },
  };
  planOnChange(pool.deps);
});
afterAll(() => pool.stop());
beforeEach(async () => {
  given.clear();
  refuses = undefined;
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(pool.deps, id).catch(() => {});
  await until("all is free", 10_000, async () => {
    const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM machines WHERE state = 'available'");
    return n === 3;
  });
});

const ask = (input: Partial<ReserveInput> = {}) =>
  reserve(pool.deps, { principal: ADMIN, username: "ann", count: 1, durationMinutes: 10, ...input });
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const endOf = ({ endsAt }: { endsAt: Date | null }) => endsAt?.getTime() ?? 0;
const row = async (id: string) => (await pool.sql("SELECT * FROM reservations WHERE id = ?", [id]))[0];

test("its end moves on every machine before the answer", async () => {
  const held = await ask({ count: 3 });
  const longer = await extend(pool.deps, held.id, { minutes: 30 });
  expect(endOf(longer) - endOf(held)).toBe(30 * MINUTE);
  expect([...given.keys()].sort()).toEqual([1, 2, 3]);
  for (const seconds of given.values()) expect(seconds).toBeWithin(40 * 60 + 60, 40 * 60 + 125);
  expect(await row(held.id)).toMatchObject({ extend_to: null, extend_lease: null, extensions: 1 });
  const until = new Date(endOf(longer) - 20 * MINUTE);
  const shorter = await extend(pool.deps, held.id, { until });
  expect(endOf(shorter)).toBe(until.getTime());
  // To end sooner is no extension.
  expect((await row(held.id)).extensions).toBe(1);
  expect(await problem(extend(pool.deps, held.id, { until: new Date(Date.now() - MINUTE) }))).toMatchObject({
    kind: "invalid_request",
  });
});

test("up to the next booking, and why not further; at_most takes what there is", async () => {
  const held = await ask();
  const startsAt = new Date(Date.now() + 60 * MINUTE);
  const booked = await ask({ count: 3, startsAt, username: "bob" });
  const longest = (booked.startsAt?.getTime() ?? 0) - MINUTE - 5000;
  const refused = await problem(extend(pool.deps, held.id, { minutes: 120 }));
  expect(refused).toMatchObject({
    kind: "cannot_extend",
    details: [{ field: "minutes", until: new Date(longest).toISOString() }],
  });
  expect(refused.message).toMatch(/stub-\d is booked from 2/);
  expect(endOf(await viewReservation(pool.deps, held.id))).toBe(endOf(held));
  const most = await extend(pool.deps, held.id, { minutes: 120, atMost: true });
  expect(endOf(most)).toBe(longest);
  expect((await problem(extend(pool.deps, held.id, { minutes: 1, atMost: true }))).kind).toBe(
    "cannot_extend",
  );
});

test("a dry run says the longest end and why, and changes nothing", async () => {
  const held = await ask();
  const startsAt = new Date(Date.now() + 60 * MINUTE);
  const booked = await ask({ count: 3, startsAt, username: "bob" });
  const longest = new Date((booked.startsAt?.getTime() ?? 0) - MINUTE - 5000);
  const why = expect.stringMatching(/stub-\d is booked from 2/);
  const foresee = (input: ExtendInput) => foreseeEnd(pool.deps, held.id, input);
  expect(await foresee({ minutes: 120 })).toEqual({ end: null, longest, why });
  expect(await foresee({ minutes: 120, atMost: true })).toEqual({ end: longest, longest, why });
  const end = new Date(endOf(held) + 5 * MINUTE);
  expect(await foresee({ minutes: 5 })).toEqual({ end, longest, why });
  const sooner = new Date(endOf(held) - 5 * MINUTE);
  expect(await foresee({ until: sooner })).toEqual({ end: sooner, longest, why });
  expect(await row(held.id)).toMatchObject({ extensions: 0, extend_to: null, ends_at: held.endsAt });
  expect(given.size).toBe(0);
  expect(await problem(foreseeEnd(pool.deps, held.id, { minutes: 5 }, "somebody-else"))).toMatchObject({
    kind: "reservation_not_found",
  });
});

test("never beyond a start that was told to somebody who waits", async () => {
  const held = await ask({ count: 3 });
  const waits = await ask({ wait: 60, username: "bob" });
  expect(waits.state).toBe("queued");
  expect(await problem(extend(pool.deps, held.id, { minutes: 1 }))).toMatchObject({
    kind: "cannot_extend",
    message: expect.stringContaining("somebody who waits"),
  });
  // A shorter end moves it up.
  await extend(pool.deps, held.id, { until: new Date(endOf(held) - 5 * MINUTE) });
  await planNow(pool.deps);
  const sooner = await viewReservation(pool.deps, waits.id);
  expect((waits.startsAt?.getTime() ?? 0) - (sooner.startsAt?.getTime() ?? 0)).toBe(5 * MINUTE);
});

test("when a machine can't be reached, none is extended", async () => {
  const held = await ask({ count: 3 });
  refuses = 2;
  expect(await problem(extend(pool.deps, held.id, { minutes: 30 }))).toMatchObject({
    kind: "machines_unreachable",
  });
  expect(endOf(await viewReservation(pool.deps, held.id))).toBe(endOf(held));
  expect(await row(held.id)).toMatchObject({ extend_to: null, extensions: 0 });
  // The others have their old end again.
  expect(given.get(1)).toBeLessThan(15 * 60);
});

test("what a stopped process left is undone; meanwhile nobody is promised the time, and it doesn't expire", async () => {
  const held = await ask({ count: 3 });
  const stuck = {
    ...pool.deps,
    accounts: { ...pool.deps.accounts, extend: () => new Promise<never>(() => {}) },
  };
  void extend(stuck, held.id, { minutes: 30 });
  await until("it has begun", 5000, async () => (await row(held.id)).extend_to !== null);
  const behind = await problem(ask());
  expect(new Date(behind.details[0].next_at).getTime() - endOf(held)).toBeGreaterThan(30 * MINUTE);
  expect((await problem(extend(pool.deps, held.id, { minutes: 1 }))).message).toContain("right now");
  await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) WHERE id = ?", [held.id]);
  expect(await expire(pool.deps)).toBe(0);
  await pool.sql("UPDATE reservations SET extend_lease = '2020-01-01' WHERE id = ?", [held.id]);
  expect(await undoExtensions(pool.deps)).toBe(1);
  expect(await expire(pool.deps)).toBe(1);
});

test("limits: the longest time in all, and how often", async () => {
  const limits = { maxMachines: null, maxDurationMinutes: 30, maxRequestsPerMinute: null };
  await createUser(pool.deps, "uma", "user", limits, null);
  const [{ id: userId }] = await pool.sql("SELECT id FROM users WHERE name = 'uma'");
  const held = await ask({ principal: { ...ADMIN, role: "user", userId, userName: "uma" } });
  expect((await problem(extend(pool.deps, held.id, { minutes: 21 }))).message).toContain("your limit");
  await extend(pool.deps, held.id, { minutes: 1 });
  await extend(pool.deps, held.id, { minutes: 1 });
  expect(await problem(extend(pool.deps, held.id, { minutes: 1 }))).toMatchObject({ kind: "limit_reached" });
  expect(await problem(extend(pool.deps, held.id, { minutes: 1 }, "somebody-else"))).toMatchObject({
    kind: "reservation_not_found",
  });
  await release(pool.deps, held.id);
  expect(await problem(extend(pool.deps, held.id, { minutes: 1 }))).toMatchObject({ kind: "cannot_extend" });
});

test("extensions that race with bookings: nobody is promised what somebody else keeps", async () => {
  for (let round = 0; round < 5; round++) {
    const held = await ask({ count: 3 });
    await Promise.all([
      problem(extend(pool.deps, held.id, { minutes: 60 })),
      ...[12, 20, 40].map((minutes) =>
        problem(ask({ startsAt: new Date(Date.now() + minutes * MINUTE), username: `b${minutes}` })),
      ),
    ]);
    const crossed =
      await pool.sql(`SELECT m.name FROM machines m JOIN reservations r ON r.id = m.reservation_id
      JOIN commitments c ON c.machine_id = m.id WHERE c.busy_from < r.ends_at`);
    expect(crossed).toEqual([]);
    const left = await pool.sql(
      "SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC",
    );
    for (const { id } of left) await release(pool.deps, id).catch(() => {});
  }
});

test("a connection that is lost at a COMMIT is not noticed", async () => {
  const held = await ask();
  for (const lost of [1, 2]) {
    const { db } = pool.deps;
    let commits = 0;
    const transaction: typeof db.transaction = async (work, how) => {
      const done = await db.transaction(work, how);
      if (++commits === lost)
        throw Object.assign(new Error("the answer is lost"), { code: "PROTOCOL_CONNECTION_LOST" });
      return done;
    };
    const losing = { ...pool.deps, db: Object.assign(Object.create(db), { transaction }) };
    const longer = await extend(losing, held.id, { minutes: 10 });
    expect(endOf(longer) - endOf(held)).toBe(lost * 10 * MINUTE);
    expect(await row(held.id)).toMatchObject({ extend_to: null, extensions: lost });
  }
});

test("a release while it is being extended leaves nothing of the extension", async () => {
  const held = await ask();
  const slow = {
    ...pool.deps,
    accounts: {
      ...pool.deps.accounts,
      extend: async () =>
        void (await until("it is over", 5000, async () => (await row(held.id)).state === "ended")),
    },
  };
  const extending = problem(extend(slow, held.id, { minutes: 10 }));
  await until("it has begun", 5000, async () => (await row(held.id)).extend_to !== null);
  await release(pool.deps, held.id);
  expect((await extending).kind).toBe("cannot_extend");
  expect(await row(held.id)).toMatchObject({
    state: "ended",
    extend_to: null,
    extend_lease: null,
    extensions: 0,
  });
});

test("an extension that hangs beyond the end that it asks for doesn't keep the machines from whoever comes next", async () => {
  const held = await ask();
  await pool.sql(
    `UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) - INTERVAL 2 SECOND, extend_to = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND,
       extend_lease = UTC_TIMESTAMP(3) + INTERVAL 30 SECOND WHERE id = ?`,
    [held.id],
  );
  await expire(pool.deps);
  expect((await viewReservation(pool.deps, held.id)).state).toBe("ended");
});

test("the end that was committed stays on the machines, although the answer to the COMMIT is lost for good", async () => {
  const held = await ask();
  const { db } = pool.deps;
  const real = db.transaction;
  let commits = 0;
  db.transaction = (async (...parts: Parameters<typeof real>) => {
    const result = await real.apply(db, parts);
    // Its own, of `begin`, is heard; after that of `finish`, the database is gone for as long as a caller waits.
    if (++commits > 1) throw Object.assign(new Error("lost"), { code: "ECONNRESET" });
    return result;
  }) as typeof real;
  expect(await problem(extend(pool.deps, held.id, { minutes: 30 }))).toBeDefined();
  db.transaction = real;
  expect(endOf(await viewReservation(pool.deps, held.id)) - endOf(held)).toBe(30 * MINUTE);
  expect([...given.values()].every((seconds) => seconds > 30 * 60)).toBe(true);
});
