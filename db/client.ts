import { sql } from "drizzle-orm";
import { drizzle, type MySql2Database } from "drizzle-orm/mysql2";
import { createPool, type Pool } from "mysql2/promise";
import { DatabaseUnavailable, troubleOf } from "./errors.ts";

export type Db = MySql2Database<Record<string, never>>;
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

export interface Database {
  db: Db;
  pool: Pool;
  close(): Promise<void>;
}

/** The database's clock; no time that decides anything is made in a process. */
export const now = sql`UTC_TIMESTAMP(3)`;
export const inSeconds = (seconds: number) => sql`UTC_TIMESTAMP(3) + INTERVAL ${seconds} SECOND`;
export const inMinutes = (minutes: number) => sql`UTC_TIMESTAMP(3) + INTERVAL ${minutes} MINUTE`;

const SESSION =
  "SET time_zone = '+00:00', SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', SESSION innodb_lock_wait_timeout = 2";

/**
 * Opens a pool; connects on first use.
 * @param url mysql://user:password@host:port/name, or with ?socketPath=/path for a unix socket
 */
export function openDatabase(url: string): Database {
  const at = new URL(url);
  const socketPath = at.searchParams.get("socketPath");
  const pool = createPool({
    ...(socketPath ? { socketPath } : { host: at.hostname, port: Number(at.port || 3306) }),
    user: decodeURIComponent(at.username),
    password: decodeURIComponent(at.password),
    database: at.pathname.slice(1),
    connectionLimit: 20,
    connectTimeout: 3000,
    timezone: "Z",
    charset: "utf8mb4",
  });
  // Queued on the connection before the first statement of whoever asked for it.
  pool.pool.on("connection", (connection) => connection.query(SESSION, () => {}));
  return { db: drizzle(pool), pool, close: () => pool.end() };
}

/** How long one transaction may be repeated before the caller is told to come back. */
const PATIENCE_MS = 2000;

/**
 * Runs `work` in a transaction, COMMIT included, and repeats the whole when the server undid it (deadlock and
 * the like), with full jitter (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
 * When the connection was lost nobody knows whether it landed: `work` is repeated only after `landed`
 * said that it did not; without `landed`, `work` must be harmless to repeat.
 * @throws DatabaseUnavailable after two seconds without success
 */
export async function transact<T>(
  db: Db,
  work: (tx: Tx) => Promise<T>,
  landed: () => Promise<T | undefined> = async () => undefined,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  let doubt = false;
  for (let attempt = 0; ; attempt++) {
    try {
      if (doubt) {
        const found = await landed();
        if (found !== undefined) return found;
      }
      return await db.transaction(work, { isolationLevel: "read committed" });
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble !== "undone" && trouble !== "gone") throw error;
      doubt ||= trouble === "gone";
      if (performance.now() > deadline) throw new DatabaseUnavailable(error);
      await new Promise((go) => setTimeout(go, Math.random() * Math.min(400, 10 * 2 ** attempt)));
    }
  }
}

/** How many rows an UPDATE or DELETE matched. */
export function matched(result: [{ affectedRows: number }, ...unknown[]]): number {
  return result[0].affectedRows;
}
