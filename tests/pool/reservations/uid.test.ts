// A uid is reused only after every disk has been swept since its last use; refused requests use none up, and neither one user
// nor one machine can use up the others'.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { PoolError } from "../../../pool/errors.ts";
import { sweep } from "../../../pool/lifecycle/sweep.ts";
import { releaseAll } from "../../../pool/reservations/release.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(120_000);

const FIRST = 30_000;
const LAST = 30_999;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(4, { UID_MIN_POOL: `${FIRST}`, UID_MAX_POOL: `${LAST}` });
});
afterAll(() => pool.stop());
beforeEach(async () => {
  pool.creates.clear();
  await releaseAll(pool.deps);
  await pool.sql("DELETE FROM reservations");
  await pool.sql(
    "UPDATE machines SET uid_floor = 0, swept_at = '2026-01-02', sweep_at = UTC_TIMESTAMP(3) + INTERVAL 1 DAY",
  );
  await lastGiven(FIRST - 1);
});

/** Reservations that had these uids; `ended`: when, in SQL. */
const had = (from: number, to: number, state: string, ended: string, user: string | null = null) =>
  pool.sql(
    `INSERT INTO reservations (id, user_id, username, uid, state, count, duration_minutes, created_at, ends_at, ended_at)
     WITH RECURSIVE uids AS (SELECT ? AS uid UNION ALL SELECT uid + 1 FROM uids WHERE uid < ?)
     SELECT UUID(), ?, 'old', uid, ?, 1, 1, '2020-01-01', '2020-01-01', ${ended} FROM uids`,
    [from, to, user, state],
  );
const lastGiven = (uid: number) =>
  pool.sql("INSERT INTO settings VALUES ('last_uid', ?) ON DUPLICATE KEY UPDATE value = VALUES(value)", [
    `${uid}`,
  ]);
const counter = async () =>
  Number((await pool.sql("SELECT value FROM settings WHERE name = 'last_uid'"))[0].value);
const uidOf = async (asked: Promise<{ id: string }>) =>
  (await pool.sql("SELECT uid FROM reservations WHERE id = ?", [(await asked).id]))[0].uid;
const refusal = (asked: Promise<unknown>) =>
  asked.then(
    () => "none",
    (error) => (error instanceof PoolError ? error.kind : error),
  );
const soon = "UTC_TIMESTAMP(3)";

test("after the last uid, the counter continues with those from the start that no disk may still have", async () => {
  await had(30_000, 30_000, "active", "NULL"); // still in use
  await had(30_001, 30_001, "ended", "'2026-01-03'"); // not swept since
  await had(30_002, 30_002, "failed", "NULL"); // its machines are not clean yet
  await had(30_003, 30_003, "ended", "'2026-01-01'");
  await had(30_003, 30_003, "ended", "'2025-01-01'");
  await lastGiven(LAST - 2);
  const uids: number[] = [];
  for (let n = 0; n < 4; n++) uids.push(await uidOf(pool.reserve(`round${n}`)));
  expect(uids).toEqual([LAST - 1, LAST, 30_003, 30_004]);
  await releaseAll(pool.deps);
  // One machine that hasn't been swept for long holds all of them back; but not if it is quarantined.
  await had(30_005, 30_006, "ended", "'2026-01-01'");
  await pool.sql("UPDATE machines SET swept_at = '2025-12-31' WHERE name = 'stub-1'");
  expect(await uidOf(pool.reserve("later"))).toBe(30_007);
  await releaseAll(pool.deps);
  await lastGiven(30_004);
  await pool.sql("UPDATE machines SET state = 'quarantined' WHERE name = 'stub-1'");
  expect(await uidOf(pool.reserve("latest"))).toBe(30_005);
  await pool.sql("UPDATE machines SET state = 'available' WHERE name = 'stub-1'");
});

test("many at once get a uid each, and none twice", async () => {
  await lastGiven(LAST - 1);
  const uids = await Promise.all([1, 2, 3, 4].map((n) => uidOf(pool.reserve(`once${n}`))));
  expect(uids.sort()).toEqual([30_000, 30_001, 30_002, LAST]);
});

test("many at once whose machines all name the same uid each get a different one, and nobody is refused", async () => {
  for (let round = 0; round < 5; round++) {
    await pool.sql(`UPDATE machines SET uid_floor = ${30_500 + round * 10}`);
    const uids = await Promise.all(
      Array.from({ length: 4 }, (_, n) => uidOf(pool.reserve(`floor${round}${n}`))),
    );
    expect(new Set(uids).size).toBe(4);
    await releaseAll(pool.deps);
  }
});

test("a refused request uses up no uid", async () => {
  const before = await counter();
  for (let n = 0; n < 20; n++) expect(await refusal(pool.reserve("greedy", 5))).toBe("never_enough");
  expect(await counter()).toBe(before);
  expect(await uidOf(pool.reserve("modest"))).toBe(FIRST);
});

test("all uids in use: an immediate refusal with its own code, and the machines stay free", async () => {
  await had(FIRST, LAST, "ended", soon);
  expect(await refusal(pool.reserve("late"))).toBe("no_uid_free");
  expect(await pool.sql("SELECT DISTINCT state FROM machines")).toEqual([{ state: "available" }]);
  // The disks are swept early, and then one is free.
  await pool.sql("UPDATE reservations SET ended_at = ended_at - INTERVAL 1 SECOND");
  expect(await sweep(pool.deps)).toBe(4);
  expect(await uidOf(pool.reserve("late"))).toBe(FIRST);
  // Swept a moment ago: another sweep would free nothing.
  await had(FIRST, LAST, "ended", soon);
  expect(await sweep(pool.deps)).toBe(0);
});

test("the last free uid is found, wherever it is", async () => {
  for (const free of [FIRST, FIRST + 1, 30_500, LAST - 1, LAST])
    for (const at of [FIRST - 1, FIRST, 30_499, 30_500, 30_501, LAST - 1, LAST]) {
      await pool.sql("DELETE FROM reservations");
      if (free > FIRST) await had(FIRST, free - 1, "ended", soon);
      if (free < LAST) await had(free + 1, LAST, "ended", soon);
      await lastGiven(at);
      const { id } = await pool.reserve("lucky");
      const [row] = await pool.sql("SELECT uid FROM reservations WHERE id = ?", [id]);
      expect(`${free} after ${at}: ${row.uid}`).toBe(`${free} after ${at}: ${free}`);
      expect(await refusal(pool.reserve("unlucky"))).toBe("no_uid_free");
      await releaseAll(pool.deps);
    }
});

test("one user may use up a quarter of the uids, and then gets an error; others are not affected", async () => {
  const uma = crypto.randomUUID();
  const tim = crypto.randomUUID();
  for (const [id, name] of [
    [uma, "uma"],
    [tim, "tim"],
  ])
    await pool.sql("INSERT INTO users (id, name, role, created_at) VALUES (?, ?, 'user', '2026-01-01')", [
      id,
      name,
    ]);
  await had(FIRST, FIRST + 248, "ended", soon, uma);
  await had(FIRST + 249, FIRST + 300, "ended", "'2026-01-01'", uma); // swept since
  await lastGiven(FIRST + 248);
  await pool.reserve("uma", 1, uma);
  expect(await refusal(pool.reserve("uma", 1, uma))).toBe("limit_reached");
  await pool.reserve("tim", 1, tim);
  await pool.reserve("somebody");
  // After a sweep they may continue.
  await pool.sql("UPDATE machines SET swept_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND");
  await pool.reserve("uma", 1, uma);
});

/** A machine that was given all uids up to `highest`, as its own record says. */
const remembers = (port: number, highest: number) =>
  pool.creates.set(port, (uid) => {
    if (uid <= highest) throw new MachineFault("uid_taken", "taken", highest);
  });
/** A machine that claims this whatever it is given. */
const lies = (port: number, highest: number) =>
  pool.creates.set(port, () => {
    throw new MachineFault("uid_taken", "taken", highest);
  });
/** The one that is claimed next. */
const next = (port: number) =>
  pool.sql("UPDATE machines SET last_used_at = IF(port = ?, '2000-01-01', UTC_TIMESTAMP(3))", [port]);

for (const said of [30_400, LAST - 1, LAST, 0])
  test(`a machine that lies about uids (${said || "out of range"}) affects only itself, and nobody else notices`, async () => {
    lies(1, said);
    for (let n = 0; n < 6; n++) {
      await next(1);
      expect(
        (await pool.reserve(`with${n}`, n % 2 ? 3 : 1)).machines.map(({ machine }) => machine),
      ).not.toContain("stub-1");
      await releaseAll(pool.deps);
    }
    expect(await counter()).toBeLessThan(FIRST + 20);
    await next(2);
    expect(await uidOf(pool.reserve("without"))).toBeLessThan(FIRST + 20);
  });

test("after a restored dump, machines that were used in sequence refuse one uid after another: it still succeeds", async () => {
  for (const port of [1, 2, 3, 4]) {
    remembers(port, 30_100 + port);
    await pool.sql("UPDATE machines SET last_used_at = ? WHERE port = ?", [`2026-01-0${port}`, port]);
  }
  await pool.reserve("first");
});

test("uids that many machines remember from before a restored dump are skipped, for each machine separately", async () => {
  for (const port of [1, 2, 3]) remembers(port, 30_099 + port);
  const all = await uidOf(pool.reserve("all", 4));
  expect(all).toBeGreaterThan(30_102);
  expect(all).toBeLessThan(30_120);
  await releaseAll(pool.deps);
  expect(await pool.sql("SELECT uid_floor FROM machines ORDER BY port")).toEqual(
    [30_100, 30_101, 30_102, 0].map((uid_floor) => ({ uid_floor })),
  );
  await next(2);
  expect(await uidOf(pool.reserve("two"))).toBe(30_102);
  expect(await counter()).toBe(FIRST);
  await releaseAll(pool.deps);
  await next(4);
  expect(await uidOf(pool.reserve("four"))).toBe(30_001);
  // Once its disk has been swept, it remembers none of them.
  await pool.sql("UPDATE machines SET sweep_at = '2026-01-01' WHERE port = 1");
  await sweep(pool.deps);
  expect(await pool.sql("SELECT uid_floor FROM machines WHERE port = 1")).toEqual([{ uid_floor: 0 }]);
});
