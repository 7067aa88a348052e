// A uid is nobody's second: not before all others were given, and not before every disk was searched since its last use.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../config.ts";
import { build, type Deps } from "../../deps.ts";
import { nextUid, passUid } from "../../pool/uid.ts";
import { startPool, type TestPool } from "../support/pool.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
let deps: Deps;
beforeAll(async () => {
  pool = await startPool(1, { prefix: "uid-" });
  deps = build(readConfig(pool.settings));
});
afterAll(async () => {
  await deps.database.close();
  await pool.stop();
});

/** A reservation that had a uid; `ended`: when, in SQL. */
const had = (uid: number, state: string, ended: string) =>
  pool.sql(
    `INSERT INTO reservations (id, username, uid, state, count, duration_minutes, created_at, ends_at, ended_at)
     VALUES (UUID(), 'old', ?, ?, 1, 1, '2020-01-01', '2020-01-01', ${ended})`,
    [uid, state],
  );
const given = (how: number) =>
  pool.sql("INSERT INTO settings VALUES ('uid_counter', ?) ON DUPLICATE KEY UPDATE value = VALUES(value)", [
    `${how}`,
  ]);

test("after the last uid the counter begins anew, and skips what a disk may still know", async () => {
  await pool.sql("UPDATE machines SET swept_at = '2026-01-02'");
  await had(20_000, "active", "NULL"); // still somebody's
  await had(20_001, "ended", "'2026-01-03'"); // not searched for since
  await had(20_002, "failed", "NULL"); // its machines are not clean yet
  await had(20_003, "ended", "'2026-01-01'");
  await given(39_998);
  const uids: number[] = [];
  for (let n = 0; n < 4; n++) uids.push(await nextUid(deps.db));
  expect(uids).toEqual([59_998, 59_999, 20_003, 20_004]);
  // One machine of the pool that was not searched for long holds all of them back.
  await had(20_005, "ended", "'2026-01-01'");
  await pool.sql("UPDATE machines SET swept_at = '2025-12-31'");
  expect(await nextUid(deps.db)).toBe(20_006);
});

test("the counter passes what a machine has seen, and never goes back", async () => {
  await given(10);
  await passUid(deps.db, 20_499);
  expect(await nextUid(deps.db)).toBe(20_500);
  await passUid(deps.db, 20_100);
  expect(await nextUid(deps.db)).toBe(20_501);
});
