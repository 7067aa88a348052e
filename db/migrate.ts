import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/mysql2";
import { migrate } from "drizzle-orm/mysql2/migrator";
import { createConnection } from "mysql2/promise";
import { connectionOptions, type Database } from "./client.ts";
import { troubleOf } from "./errors.ts";

const FOLDER = fileURLToPath(new URL("./migrations", import.meta.url));

/**
 * Waits until the database answers.
 * @param seconds limit of the wait
 * @param say called once when it has to wait
 * @throws Error when the limit has passed, or the database refuses us for good (wrong password, no such database)
 */
export async function waitForDatabase(database: Database, seconds: number, say: (line: string) => void) {
  const deadline = performance.now() + seconds * 1000;
  for (let told = false; ; ) {
    try {
      await database.pool.query("SELECT 1");
      return;
    } catch (error) {
      if (troubleOf(error) !== "gone") throw error;
      if (performance.now() > deadline)
        throw new Error(
          `the database did not answer within ${seconds} s; is it running, and is DATABASE_URL right?`,
        );
      if (!told) say(`waiting for the database (up to ${seconds} s)`);
      told = true;
      await new Promise((go) => setTimeout(go, 250));
    }
  }
}

/**
 * Applies the migrations that are missing. Several processes may call it at once: a named lock on the one
 * connection lets them in one after the other (`migrate` of Drizzle has no lock of its own).
 * @throws Error when the database would lose a committed transaction in a power cut
 */
export async function migrateDatabase(url: string): Promise<void> {
  // A connection of its own: changing a large table takes longer than a statement of the pool may.
  const connection = await createConnection(connectionOptions(url));
  try {
    const one = drizzle(connection);
    const [rows] = await one.execute(sql`SELECT @@innodb_flush_log_at_trx_commit AS flush`);
    if (Number((rows as unknown as { flush: number }[])[0]?.flush) !== 1)
      throw new Error(
        "the database must run with innodb_flush_log_at_trx_commit=1, else a power cut loses reservations",
      );
    await connection.query("SELECT GET_LOCK('machine_manager_migrate', 60)");
    try {
      // Names and keys are compared to the letter, whatever the server's default is.
      await connection.query("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
      await migrate(one, { migrationsFolder: FOLDER });
    } finally {
      await connection.query("SELECT RELEASE_LOCK('machine_manager_migrate')");
    }
  } finally {
    await connection.end();
  }
}
