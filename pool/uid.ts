import { sql } from "drizzle-orm";
import type { Db } from "../db/client.ts";

const FIRST = 20_000;
const HOW_MANY = 40_000;
const COUNTER = "uid_counter";

/**
 * The next uid of the pool's one counter. A freed uid is not given again: its former owner's files, timers and
 * shared memory would be the next one's. After the last one it begins anew, and skips every uid whose last
 * reservation is not older than the last whole-disk sweep of all machines; a machine refuses one that it knows, too.
 * @throws Error when no uid is free
 */
export async function nextUid(db: Db): Promise<number> {
  for (let tries = 0; tries < HOW_MANY; tries++) {
    const [result] = await db.execute(
      sql`INSERT INTO settings (name, value) VALUES (${COUNTER}, LAST_INSERT_ID(1))
          ON DUPLICATE KEY UPDATE value = LAST_INSERT_ID(CAST(value AS UNSIGNED) + 1)`,
    );
    const n = (result as unknown as { insertId: number }).insertId - 1;
    const uid = FIRST + (n % HOW_MANY);
    if (n < HOW_MANY) return uid;
    const [rows] = await db.execute(
      sql`SELECT 1 FROM reservations WHERE uid = ${uid} AND (ended_at IS NULL OR ended_at >=
          (SELECT COALESCE(MIN(swept_at), '1970-01-01') FROM machines)) LIMIT 1`,
    );
    if ((rows as unknown as unknown[]).length === 0) return uid;
  }
  throw new Error("no uid is free: every one was used since the last whole-disk sweep of all machines");
}

/**
 * Moves the counter past a uid that a machine has seen: the database was restored from a dump, and forgot it.
 * @param highest the highest uid that the machine was ever given
 */
export async function passUid(db: Db, highest: number): Promise<void> {
  const done = highest - FIRST + 1;
  // Within the round of the counter in which it is now; never backwards.
  await db.execute(
    sql`UPDATE settings SET value = GREATEST(CAST(value AS UNSIGNED), (CAST(value AS UNSIGNED) DIV ${HOW_MANY}) * ${HOW_MANY} + ${done})
        WHERE name = ${COUNTER}`,
  );
}
