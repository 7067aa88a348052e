// Series on fake machines, with a clock of their own: the plan's, not the host's.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import recovery from "../../../cron/recover.ts";
import { PoolError } from "../../../pool/errors.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { createUser } from "../../../pool/identity/users.ts";
import { deleteUser, finishDeletions } from "../../../pool/reservations/delete_user.ts";
import { prune } from "../../../pool/reservations/prune.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { bookOn } from "../../../pool/reservations/series/book_on.ts";
import { createSeries, type SeriesInput } from "../../../pool/reservations/series/create.ts";
import { endSeries } from "../../../pool/reservations/series/end.ts";
import { type SeriesDetails, viewSeries } from "../../../pool/reservations/series/view.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { rotateKey } from "../../../pool/secrets/rotate_key.ts";
import { keyIdOf, keyOf } from "../../../pool/secrets/seal.ts";
import { turns } from "../../../pool/turns.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

const DAY = 24 * 3600_000;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(3);
});
afterAll(() => pool.stop());
afterEach(async () => {
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL");
  for (const { id } of left) await release(pool.deps, id).catch(() => {});
  await pool.sql("DELETE FROM series");
});

/** A clock that stands still. @param time UTC */
const at = (time: string) => async () => Date.parse(`${time}Z`);
const BEFORE = at("2027-03-01T00:00");
const input = (more: Partial<SeriesInput> = {}): SeriesInput => ({
  principal: ADMIN,
  username: "ann",
  count: 1,
  durationMinutes: 60,
  rrule: "FREQ=WEEKLY;BYDAY=WE;COUNT=8",
  startsLocal: "2027-03-03T13:00",
  timeZone: "Europe/Paris",
  exceptDates: [],
  onConflict: "refuse",
  ...more,
});
const make = (more: Partial<SeriesInput> = {}, clock = BEFORE) => createSeries(pool.deps, input(more), clock);
const problem = (promise: Promise<unknown>): Promise<PoolError> =>
  promise.then(
    () => {
      throw new Error("it was accepted");
    },
    (error) => {
      if (!(error instanceof PoolError)) throw error;
      return error;
    },
  );
const starts = ({ occurrences }: SeriesDetails, state = "booked") =>
  occurrences.filter((one) => one.state === state).map(({ startsAt }) => startsAt.toISOString().slice(0, 16));
const locals = ({ occurrences }: SeriesDetails) => occurrences.map(({ localTime }) => localTime);
/** Books a machine or more for a time, whatever the host's clock says. */
const block = (time: string, more: Partial<SeriesInput> = {}) =>
  make({ username: "bob", rrule: "FREQ=DAILY;COUNT=1", startsLocal: time, timeZone: "UTC", ...more });
/** A second process with the same database. */
const another = (more: Partial<typeof pool.deps> = {}) => ({
  ...pool.deps,
  worker: crypto.randomUUID(),
  planTurns: turns(),
  ...more,
});
async function user(name: string, limits: { maxMachines?: number; maxDurationMinutes?: number } = {}) {
  const none = { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null };
  await createUser(pool.deps, name, "user", { ...none, ...limits }, null);
  const [{ id }] = await pool.sql("SELECT id FROM users WHERE name = ?", [name]);
  return { ...ADMIN, name: `${name}/t`, role: "user" as const, userId: id as string, userName: name };
}

test("an Idempotency-Key makes one series, whoever is first; another request may not have it", async () => {
  const idempotencyKey = "term-1";
  const other = another();
  const both = await Promise.all([
    make({ idempotencyKey }),
    createSeries(other, input({ idempotencyKey }), BEFORE),
  ]);
  const again = await make({ idempotencyKey }, at("2028-01-01T00:00"));
  expect(new Set([...both, again].map(({ id }) => id)).size).toBe(1);
  expect(again.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(starts(again)).toHaveLength(8);
  expect(await pool.sql("SELECT id FROM series")).toHaveLength(1);
  expect((await problem(make({ idempotencyKey, count: 2 }))).kind).toBe("idempotency_key_reused");
  expect((await make({ idempotencyKey: "term-2", username: "bea" })).id).not.toBe(again.id);
});

test.each([
  ["Europe/Paris", "2027-03-01T00:00", "2027-03-03", "12:00", "11:00", "2027-03-28"],
  ["Europe/Paris", "2027-10-01T00:00", "2027-10-06", "11:00", "12:00", "2027-10-31"],
  ["America/New_York", "2027-03-01T00:00", "2027-03-03", "18:00", "17:00", "2027-03-14"],
  ["America/New_York", "2027-10-01T00:00", "2027-10-06", "17:00", "18:00", "2027-11-07"],
])(
  "13:00 in %s stays 13:00 over a change of clocks (%s)",
  async (timeZone, now, day, before, after, change) => {
    const made = await make({ timeZone, startsLocal: `${day}T13:00` }, at(now));
    expect(made.occurrences).toHaveLength(8);
    expect(locals(made).every((one) => one.endsWith("T13:00"))).toBe(true);
    const hours = starts(made).map((one) => [one.slice(11), one < change ? before : after]);
    expect(hours.filter(([is, shall]) => is !== shall)).toEqual([]);
    expect(new Set(hours.map(([is]) => is)).size).toBe(2);
    // Each is a reservation of the machines that it needs.
    const rows = await pool.sql(
      `SELECT r.starts_at, TIMESTAMPDIFF(MINUTE, r.starts_at, r.ends_at) AS minutes, c.busy_from FROM reservations r
     JOIN commitments c ON c.reservation_id = r.id WHERE r.series_id = ? AND r.state = 'booked' ORDER BY r.starts_at`,
      [made.id],
    );
    expect(rows.map(({ minutes }) => minutes)).toEqual(Array(8).fill(60));
    expect(rows[7].starts_at - rows[7].busy_from).toBe(60_000);
  },
);

test("an occurrence that can't be refuses the whole series, and says when it could be", async () => {
  await block("2027-03-17T12:30", { count: 3, durationMinutes: 60 });
  const refused = await problem(make());
  expect([refused.kind, refused.message]).toEqual([
    "conflict",
    "1 of 8 occurrences can't be booked; change the series, or leave them out with on_conflict: skip",
  ]);
  expect(refused.details).toEqual([
    {
      field: "occurrences",
      message:
        "2027-03-17T13:00 in Europe/Paris (2027-03-17T12:00:00.000Z): 1 requested, 0 free at that time",
      starts_at: "2027-03-17T12:00:00.000Z",
      // Before: so that it is clean a minute before the other. After: the turnaround and the minute in which its accounts are made.
      nearest: ["2027-03-17T11:28:00.000Z", "2027-03-17T13:32:00.000Z"],
    },
  ]);
  expect(await pool.sql("SELECT id FROM series WHERE username = 'ann'")).toEqual([]);
  expect(await pool.sql("SELECT id FROM reservations WHERE username = 'ann' AND ended_at IS NULL")).toEqual(
    [],
  );
  // What it named can be, to the minute.
  await block("2027-03-17T11:28", { count: 3 });
  await block("2027-03-17T13:32", { count: 3 });
});

test("nearest starts are exact: a minute closer can't be", async () => {
  await block("2027-03-17T12:30", { count: 3, durationMinutes: 60 });
  for (const time of ["2027-03-17T11:29", "2027-03-17T13:31"])
    expect((await problem(block(time, { count: 1 }))).kind).toBe("conflict");
});

test("with skip, those that can't be are left out, and it says which", async () => {
  await block("2027-03-17T12:30", { count: 2, durationMinutes: 60 });
  const made = await make({ count: 2, onConflict: "skip" });
  expect(made.occurrences).toHaveLength(7);
  expect(made.conflicts).toEqual([
    {
      starts_at: "2027-03-17T12:00:00.000Z",
      local_time: "2027-03-17T13:00",
      reason: "2 requested, 1 free at that time",
      nearest: ["2027-03-17T11:28:00.000Z", "2027-03-17T13:32:00.000Z"],
    },
  ]);
  expect(await viewSeries(pool.deps, made.id)).toEqual(made);
  // Not even then when none is left.
  await block("2027-04-08T11:00", { count: 3 });
  const none = await problem(
    make({ rrule: "FREQ=DAILY;COUNT=1", startsLocal: "2027-04-08T13:00", onConflict: "skip" }),
  );
  expect(none.kind).toBe("conflict");
  const never = await problem(make({ count: 4, onConflict: "skip" }));
  expect([never.kind, never.message]).toEqual([
    "never_enough",
    "The pool has no more than 3 machines that match",
  ]);
});

test("it is refused with the field that is wrong, and a rule's column", async () => {
  const wrong = async (more: Partial<SeriesInput>) => (await problem(make(more))).details;
  expect(await wrong({ rrule: "FREQ=WEEKLY;BYDAY=XX" })).toEqual([
    { field: "rrule", message: "BYDAY is a list of MO, TU, WE, TH, FR, SA, SU", column: 19 },
  ]);
  expect(await wrong({ startsLocal: "2027-03-03T13:00+01:00" })).toEqual([
    { field: "starts_at", message: "write a local time like 2026-09-02T13:00, without an offset" },
  ]);
  expect((await wrong({ timeZone: "Europe/Atlantis" }))[0]?.field).toBe("time_zone");
  expect((await wrong({ exceptDates: ["2027-02-30"] }))[0]?.field).toBe("except_dates");
  expect((await wrong({ where: "gpu &&" }))[0]?.field).toBe("where");
  expect((await wrong({ startsLocal: "2026-03-03T13:00" }))[0]).toEqual({
    field: "rrule",
    message: "its last occurrence is over",
  });
});

test("its dates to leave out are left out, and it ends by its own rule", async () => {
  const made = await make({ exceptDates: ["2027-03-10"] });
  expect(locals(made).slice(0, 2)).toEqual(["2027-03-03T13:00", "2027-03-17T13:00"]);
  expect(made.endsAt?.toISOString()).toBe("2027-04-21T12:00:00.000Z");
  expect(await bookOn(pool.deps, at("2027-04-15T00:00"))).toBe(0);
  const until = await make({ rrule: "FREQ=WEEKLY;UNTIL=20270401", startsLocal: "2027-03-03T18:00" });
  expect([until.endsAt?.toISOString(), until.occurrences.length]).toEqual(["2027-04-01T22:00:00.000Z", 5]);
});

test("further occurrences are booked as time goes on, each once by two schedulers at once", async () => {
  const { id } = await make({ rrule: "FREQ=WEEKLY" });
  const view = () => viewSeries(pool.deps, id);
  expect(starts(await view()).at(-1)).toBe("2027-05-26T11:00");
  expect(await bookOn(pool.deps, BEFORE)).toBe(0);
  const later = at("2027-03-25T12:00");
  const failures: string[] = [];
  const log = (_: string, event: string) => void failures.push(event);
  const booked = await Promise.all([1, 2, 3].map(() => bookOn(another({ log }), later)));
  expect(failures).toEqual([]);
  expect(booked.reduce((sum, n) => sum + n)).toBe(4);
  const all = locals(await view());
  expect([all.length, new Set(all).size, all.at(-1)]).toEqual([17, 17, "2027-06-23T13:00"]);
  expect(await bookOn(pool.deps, later)).toBe(0);
});

test("a series that begins beyond the horizon is booked when that reaches it", async () => {
  const far = await make({ startsLocal: "2027-07-07T13:00" });
  expect(far.occurrences).toEqual([]);
  expect(await bookOn(pool.deps, at("2027-04-09T00:00"))).toBe(1);
  expect(locals(await viewSeries(pool.deps, far.id))).toEqual(["2027-07-07T13:00"]);
});

test("what is more than can be booked at once is refused; what has become too much is booked bit by bit", async () => {
  const often = {
    rrule: "FREQ=DAILY;BYHOUR=1,7,13,19",
    durationMinutes: 10,
    startsLocal: "2027-03-01T01:00",
  };
  expect((await problem(make({ ...often, rrule: `${often.rrule},21` }))).message).toBe(
    "rrule: it occurs 451 times in the next 90 days; at most 400 occurrences of 1 machine(s) can be booked at once",
  );
  const { id } = await make(often);
  const further = { ...pool.deps, bookAheadDays: 200 };
  expect(await bookOn(further, BEFORE)).toBe(400);
  expect(await bookOn(further, BEFORE)).toBe(40);
  const all = locals(await viewSeries(pool.deps, id));
  expect([all.length, new Set(all).size]).toEqual([801, 801]);
  expect((await endSeries(pool.deps, id, {}, BEFORE)).released).toHaveLength(801);
  expect(await pool.sql("SELECT * FROM commitments")).toEqual([]);
});

test("what can't be booked on is left out, once, and its user sees it", async () => {
  const { id } = await make({ rrule: "FREQ=WEEKLY", count: 2 });
  const later = at("2027-03-10T00:00");
  await createSeries(
    pool.deps,
    input({ username: "bob", rrule: "FREQ=DAILY;COUNT=1", startsLocal: "2027-06-02T12:30", count: 2 }),
    later,
  );
  expect(await bookOn(pool.deps, later)).toBe(0);
  const { conflicts, occurrences } = await viewSeries(pool.deps, id);
  expect(conflicts).toEqual([
    {
      starts_at: "2027-06-02T11:00:00.000Z",
      local_time: "2027-06-02T13:00",
      reason: "2 requested, 1 free at that time",
      nearest: ["2027-06-02T09:28:00.000Z", "2027-06-02T11:32:00.000Z"],
    },
  ]);
  expect(occurrences.at(-1)?.localTime).toBe("2027-05-26T13:00");
  await bookOn(pool.deps, at("2027-03-10T01:00"));
  expect((await viewSeries(pool.deps, id)).conflicts).toHaveLength(1);
});

test("one occurrence is cancelled by releasing its reservation, and is never booked again", async () => {
  const { id, occurrences } = await make({ rrule: "FREQ=WEEKLY" });
  const [, second] = occurrences;
  await release(pool.deps, second?.id ?? "");
  expect(await bookOn(pool.deps, at("2027-03-09T00:00"))).toBe(1);
  const now = await viewSeries(pool.deps, id);
  expect(starts(now, "ended")).toEqual(["2027-03-10T12:00"]);
  expect(starts(now)).toHaveLength(13);
  // Its machines are free for others.
  await block("2027-03-10T12:00", { count: 3 });
  // Nor could it be: the table has room for each occurrence once.
  const again = pool.sql(
    `INSERT INTO reservations (id, username, state, count, duration_minutes, created_at, ends_at, series_id, occurrence_at)
     SELECT UUID(), username, 'booked', count, duration_minutes, created_at, ends_at, series_id, occurrence_at
     FROM reservations WHERE id = ?`,
    [second?.id],
  );
  expect(String(await again.catch((error) => error))).toContain("reservations_occurrence");
});

test("it ends from a time on, or from now: what was booked for then is released, in one piece", async () => {
  const { id } = await make({ rrule: "FREQ=WEEKLY", password: "a-password" });
  const from = new Date("2027-03-24T12:00:00Z");
  const ended = await endSeries(pool.deps, id, { from }, BEFORE);
  expect(ended).toMatchObject({ id, endsAt: from, pending: [] });
  expect(ended.released).toHaveLength(10);
  const now = await viewSeries(pool.deps, id);
  expect(starts(now)).toEqual(["2027-03-03T12:00", "2027-03-10T12:00", "2027-03-17T12:00"]);
  expect(await pool.sql("SELECT credential FROM series WHERE id = ?", [id])).toEqual([{ credential: null }]);
  expect(await bookOn(pool.deps, at("2027-05-01T00:00"))).toBe(0);
  expect(
    await pool.sql(
      "SELECT c.* FROM commitments c JOIN reservations r ON r.id = c.reservation_id WHERE r.state <> 'booked'",
    ),
  ).toEqual([]);
  // Further ahead than it ends: nothing changes. Then at once; then it is over.
  const later = await endSeries(pool.deps, id, { from: new Date("2027-09-01T00:00:00Z") }, BEFORE);
  expect(later).toMatchObject({ endsAt: from, released: [] });
  expect((await endSeries(pool.deps, id, {}, at("2027-03-05T00:00"))).released).toHaveLength(2);
  expect((await problem(endSeries(pool.deps, id, {}, at("2027-03-05T00:01")))).kind).toBe("series_not_found");
  expect((await viewSeries(pool.deps, id)).occurrences[0]?.state).toBe("booked");
});

test("a failure in between leaves nothing of it", async () => {
  const dies = { ...pool.deps, keys: { ...pool.deps.keys } };
  let n = 0;
  dies.keys.seal = (...given) => {
    if (++n === 5) throw new Error("a failure");
    return pool.deps.keys.seal(...given);
  };
  await expect(createSeries(dies, input(), BEFORE)).rejects.toThrow("a failure");
  expect(await pool.sql("SELECT id FROM series")).toEqual([]);
  expect(await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL")).toEqual([]);
});

/** Does something in another process, which kills itself when it has recorded so many events. */
async function killed(afterEvents: number, work: string) {
  const { database, secrets } = pool.deps.config;
  const script = `
    import { config } from "./config.ts";
    import { build } from "./deps.ts";
    import { SCHEDULER } from "./pool/audit/deps.ts";
    import { bookOn } from "./pool/reservations/series/book_on.ts";
    import { createSeries } from "./pool/reservations/series/create.ts";
    import { endSeries } from "./pool/reservations/series/end.ts";
    let left = ${afterEvents};
    const deps = Object.defineProperty({ ...build(config()) }, "actor", {
      get: () => (left-- > 0 ? SCHEDULER : process.kill(process.pid, "SIGKILL")),
    });
    const at = (time) => async () => Date.parse(time + "Z");
    ${work}`;
  const child = Bun.spawn([process.execPath, "--no-env-file", "-e", script], {
    cwd: join(import.meta.dir, "../../.."),
    env: { ...process.env, DATABASE_URL: database.url, SECRET_KEY: secrets.secretKey },
    stdout: "ignore",
    stderr: "inherit",
  });
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
}

test("what a killed process left of a series is undone, and done by the next", async () => {
  const given = JSON.stringify(input({ rrule: "FREQ=WEEKLY" }));
  await killed(9, `await createSeries(deps, ${given}, at("2027-03-01T00:00"));`);
  expect(await pool.sql("SELECT id FROM series")).toEqual([]);
  expect(await pool.sql("SELECT * FROM commitments")).toEqual([]);
  expect(await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL")).toEqual([]);
  const { id } = await make({ rrule: "FREQ=WEEKLY" });
  const before = await viewSeries(pool.deps, id);
  const later = "2027-03-25T12:00";
  await killed(3, `await bookOn(deps, at("${later}"));`);
  expect(await viewSeries(pool.deps, id)).toEqual(before);
  expect(await bookOn(pool.deps, at(later))).toBe(4);
  const whole = await viewSeries(pool.deps, id);
  await killed(3, `await endSeries(deps, "${id}", {}, at("${later}"));`);
  expect(await viewSeries(pool.deps, id)).toEqual(whole);
  expect((await endSeries(pool.deps, id, {}, at(later))).released).toHaveLength(13);
});

test("all accounts of a series get its password, sealed, also under a new SECRET_KEY; a made one differs", async () => {
  const made = await make({ rrule: "FREQ=WEEKLY", password: "a-password-of-all" });
  const text = JSON.stringify(
    await pool.sql("SELECT * FROM series JOIN reservations ON series_id = series.id"),
  );
  expect(text).not.toContain("a-password-of-all");
  expect(JSON.stringify(await viewSeries(pool.deps, made.id))).not.toMatch(/v2\.|credential/);
  const passwords = async (id: string) => {
    const rows = await pool.sql("SELECT id, credential FROM reservations WHERE series_id = ?", [id]);
    const opened = rows.map(
      async (row) => JSON.parse(await pool.deps.keys.open(row.id, row.credential)).password,
    );
    return [...new Set(await Promise.all(opened))];
  };
  const next = Buffer.alloc(32, 7).toString("base64");
  await rotateKey(pool.deps, next);
  const [{ credential }] = await pool.sql("SELECT credential FROM series WHERE id = ?", [made.id]);
  expect(keyOf(credential)).toBe(keyIdOf(next));
  expect(await bookOn(pool.deps, at("2027-03-25T12:00"))).toBe(4);
  expect(await passwords(made.id)).toEqual(["a-password-of-all"]);
  const other = await make();
  expect(await passwords(other.id)).toHaveLength(8);
  expect(
    await pool.sql("SELECT DISTINCT password_made AS made FROM reservations WHERE series_id = ?", [other.id]),
  ).toEqual([{ made: 1 }]);
});

test("its occurrences count as bookings: all of them, or none", async () => {
  const principal = await user("una", { maxMachines: 2, maxDurationMinutes: 90 });
  const few = { ...pool.deps, maxBooked: 10 };
  const make2 = (more: Partial<SeriesInput>) => createSeries(few, input({ principal, ...more }), BEFORE);
  const many = await problem(make2({ rrule: "FREQ=DAILY;COUNT=11" }));
  expect([many.kind, many.message]).toEqual([
    "limit_reached",
    "You may have 10 bookings at once, and you have 0; 11 more were requested",
  ]);
  expect((await problem(make2({ durationMinutes: 91 }))).kind).toBe("limit_reached");
  await make2({ rrule: "FREQ=DAILY;COUNT=1", startsLocal: "2027-03-10T13:30" });
  // Two machines at once: not on that day. Nearest starts would say nothing of the limit.
  const [conflict] = (await problem(make2({ count: 2 }))).details;
  expect(conflict).toMatchObject({
    message: expect.stringContaining("You may hold 2 machines at once"),
    nearest: [],
  });
  const made = await make2({ count: 2, onConflict: "skip" });
  expect([made.occurrences.length, made.conflicts.length]).toEqual([7, 1]);
  expect((await problem(make2({}))).message).toBe(
    "You may have 10 bookings at once, and you have 8; 8 more were requested",
  );
});

test("a deleted user's series end with their occurrences, also those that a stopped process left", async () => {
  const [one, two] = [await user("uma"), await user("ulf")];
  const mine = await make({ principal: one, rrule: "FREQ=WEEKLY" });
  await deleteUser(pool.deps, "uma");
  expect((await viewSeries(pool.deps, mine.id)).endsAt).not.toBeNull();
  expect(starts(await viewSeries(pool.deps, mine.id))).toEqual([]);
  expect(await bookOn(pool.deps, at("2027-03-25T12:00"))).toBe(0);
  const his = await make({ principal: two, rrule: "FREQ=WEEKLY" });
  await pool.sql("DELETE FROM users WHERE name = 'ulf'");
  const both = [pool.deps, another()].map((deps) => bookOn(deps, at("2027-03-25T12:00")));
  expect(await Promise.all(both)).toEqual([0, 0]);
  expect(starts(await viewSeries(pool.deps, his.id))).toEqual([
    "2027-03-03T12:00",
    "2027-03-10T12:00",
    "2027-03-17T12:00",
    "2027-03-24T12:00",
  ]);
  expect((await viewSeries(pool.deps, his.id)).endsAt?.toISOString()).toBe("2027-03-25T12:00:00.000Z");
});

test("what a process left that stopped while it deleted a user is ended, also when no occurrence is left to book", async () => {
  const [uta, una] = [await user("uta"), await user("ute")];
  const mine = await make({ principal: uta, rrule: "FREQ=WEEKLY;COUNT=4" });
  const hers = await make({ principal: una });
  const held = await pool.reserve("uta", 1, uta.userId);
  await pool.sql("DELETE FROM users WHERE name = 'uta'");
  expect(await recovery.run(pool.deps)).toBe(1);
  expect(starts(await viewSeries(pool.deps, mine.id))).toEqual([]);
  expect((await viewReservation(pool.deps, held.id)).state).toBe("ended");
  // Those of others, and of nobody, go on.
  expect(starts(await viewSeries(pool.deps, hers.id))).toHaveLength(8);
  expect(await finishDeletions(pool.deps)).toBe(0);
  await deleteUser(pool.deps, "ute");
});

test("a series is forgotten with its history", async () => {
  const { id } = await make();
  const old = await make({ username: "old" });
  await endSeries(pool.deps, old.id, {}, BEFORE);
  await pool.sql("UPDATE series SET ends_at = UTC_TIMESTAMP(3) - INTERVAL 4000 DAY WHERE id = ?", [old.id]);
  await prune(pool.deps);
  expect(await pool.sql("SELECT id FROM series")).toHaveLength(2);
  await pool.sql("DELETE FROM reservations WHERE series_id = ?", [old.id]);
  await prune(pool.deps);
  expect(await pool.sql("SELECT id FROM series")).toEqual([{ id }]);
});

test("single bookings and series keep out of each other's way, also at the same moment", async () => {
  const startsAt = new Date(Date.now() + 7 * DAY);
  startsAt.setUTCSeconds(0, 0);
  const startsLocal = startsAt.toISOString().slice(0, 16);
  const all = await Promise.allSettled([
    ...[1, 2].map((n) =>
      createSeries(
        n === 1 ? pool.deps : another(),
        input({ username: `s${n}`, count: 2, rrule: "FREQ=WEEKLY;COUNT=3", startsLocal, timeZone: "UTC" }),
      ),
    ),
    ...[1, 2].map((n) =>
      reserve(another(), { principal: ADMIN, username: `r${n}`, count: 2, durationMinutes: 30, startsAt }),
    ),
  ]);
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const clash =
    await pool.sql(`SELECT a.* FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id
    AND a.reservation_id < b.reservation_id AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`);
  expect(clash).toEqual([]);
});
