import { fileURLToPath } from "node:url";
import { getTableName, is, sql } from "drizzle-orm";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { MySqlTable } from "drizzle-orm/mysql-core";
import { drizzle } from "drizzle-orm/mysql2";
import { migrate } from "drizzle-orm/mysql2/migrator";
import { type Connection, createConnection } from "mysql2/promise";
import { connectionOptions, type Database, type Db, rowsOf } from "./client.ts";
import { isDenied, isMissing, troubleOf } from "./errors.ts";
import * as audit from "./schema/audit.ts";
import * as calendar from "./schema/calendar.ts";
import * as identity from "./schema/identity.ts";
import * as pool from "./schema/pool.ts";
import * as removedDirty from "./schema/removed_dirty.ts";
import * as reservations from "./schema/reservations.ts";
import * as series from "./schema/series.ts";
import * as settings from "./schema/settings.ts";

const FOLDER = fileURLToPath(new URL("./migrations", import.meta.url));

type Say = (line: string) => void;
const pause = () => new Promise((go) => setTimeout(go, 250));
/** A wait without end is reported again every minute. */
const SAY_EVERY_MS = 60_000;

/** Says `line` at the first call, then at most once a minute. */
function everyMinute(say: Say): Say {
  let next = Number.NEGATIVE_INFINITY;
  return (line) => {
    if (performance.now() < next) return;
    next = performance.now() + SAY_EVERY_MS;
    say(line);
  };
}

const upTo = (seconds: number) => (seconds === Number.POSITIVE_INFINITY ? "" : ` (up to ${seconds} s)`);

/**
 * Waits until the database answers.
 * @param seconds limit of the wait; Infinity: none
 * @param say called when it has to wait, and again once a minute
 * @throws Error when the limit has passed, or the database refuses us for a reason that waiting won't fix (wrong password, no such database)
 */
export async function waitForDatabase(database: Database, seconds: number, say: Say): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  const report = everyMinute(say);
  for (;;) {
    try {
      await database.pool.query("SELECT 1");
      return;
    } catch (error) {
      // It answers; what this database user may do is checked later.
      if (isDenied(error)) return;
      if (troubleOf(error) !== "gone") throw error;
      if (performance.now() > deadline)
        throw new Error(
          `the database did not answer within ${seconds} s; is it running, and is its URL correct?`,
        );
      report(`waiting for the database${upTo(seconds)}: ${(error as { code?: string }).code ?? "no answer"}`);
      await pause();
    }
  }
}

/** @throws Error if a power cut could lose a committed transaction */
export async function checkDurability(db: Db): Promise<void> {
  const [rows] = await db.execute(sql`SELECT @@innodb_flush_log_at_trx_commit AS flush`);
  if (Number((rows as unknown as { flush: number }[])[0]?.flush) !== 1)
    throw new Error(
      "the database must run with innodb_flush_log_at_trx_commit=1, or a power cut can lose reservations",
    );
}

/**
 * Applies the missing migrations. Several processes may call it at once: a named lock on the single connection lets them
 * in one by one (Drizzle's `migrate` has no lock).
 * @param then runs under the same lock, on the same connection
 * @throws Error if a power cut could lose a committed transaction, or the database user may not do it
 */
export async function migrateDatabase(
  url: string,
  then: (connection: Connection) => Promise<void> = async () => {},
): Promise<void> {
  // A separate connection: changing a large table takes longer than the pool's limit for a statement.
  const connection = await createConnection(connectionOptions(url));
  try {
    const one = drizzle(connection);
    await checkDurability(one);
    const [lock] = await rowsOf<{ ours: unknown }>(
      connection,
      "SELECT GET_LOCK('machine_manager_migrate', 60) AS ours",
    );
    if (Number(lock?.ours) !== 1)
      throw new Error("another process has been changing the tables for more than 60 s; try again later");
    try {
      // Names and keys are compared byte by byte, whatever the server's default.
      await connection.query("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
      await migrate(one, { migrationsFolder: FOLDER });
      await then(connection);
    } finally {
      await connection.query("SELECT RELEASE_LOCK('machine_manager_migrate')");
    }
  } finally {
    await connection.end();
  }
}

const NEWEST = Math.max(...readMigrationFiles({ migrationsFolder: FOLDER }).map((one) => one.folderMillis));
/** Fails unless we may read every table: the owner grants that after the last migration. */
const TABLES = {
  ...pool,
  ...reservations,
  ...calendar,
  ...series,
  ...removedDirty,
  ...settings,
  ...identity,
  ...audit,
};
const READ_ALL = Object.values(TABLES)
  .filter((part) => is(part, MySqlTable))
  .map((table) => `(SELECT 1 FROM \`${getTableName(table)}\` LIMIT 0)`)
  .join(" UNION ALL ");

/** Whether the tables are up to date and we may use them; closed: we may not even look. */
async function stateOfTables({ pool }: Database): Promise<"current" | "behind" | "closed"> {
  try {
    const [rows] = await pool.query("SELECT MAX(created_at) AS newest FROM __drizzle_migrations");
    if (Number((rows as { newest: unknown }[])[0]?.newest) < NEWEST) return "behind";
    await pool.query(READ_ALL);
    return "current";
  } catch (error) {
    if (isMissing(error)) return "behind";
    if (isDenied(error) || troubleOf(error) === "gone") return "closed";
    throw error;
  }
}

/**
 * Returns once the tables are up to date. If they are not, it migrates them if DATABASE_URL's database user may; otherwise
 * it waits for the database's owner to do it (`bun server.ts migrate`).
 * @param seconds limit of the wait; Infinity: none
 * @param say called when it has to wait, and again once a minute
 * @throws Error when the limit has passed; it says what to do
 */
export async function waitForTables(
  database: Database,
  url: string,
  seconds: number,
  say: Say,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  const needed =
    "the tables are not up to date, and DATABASE_URL's database user may not change them: run `bun server.ts migrate`, which does it as the owner (`just run` calls it)";
  const report = everyMinute(say);
  for (let tried = false; ; ) {
    const state = await stateOfTables(database);
    if (state === "current") return;
    if (state === "behind" && !tried) {
      tried = true;
      try {
        await migrateDatabase(url);
        continue;
      } catch (error) {
        if (!isDenied(error)) throw error;
      }
    }
    if (performance.now() > deadline) throw new Error(needed);
    report(`${needed}; waiting for that${upTo(seconds)}`);
    await pause();
  }
}
