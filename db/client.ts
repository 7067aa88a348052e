import { sql } from "drizzle-orm";
import { drizzle, type MySql2Database } from "drizzle-orm/mysql2";
import { type Connection, type ConnectionOptions, createPool, type Pool } from "mysql2/promise";
import { DatabaseUnavailable, troubleOf } from "./errors.ts";

export type Db = MySql2Database<Record<string, never>>;
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

export interface Database {
  db: Db;
  /** Separate connections, for a statement inside an open transaction of `db`: transactions may occupy all of `db`'s own */
  side: Db;
  pool: Pool;
  close(): Promise<void>;
}

/** The database's clock; no process uses its own for a time that matters. */
export const now = sql`UTC_TIMESTAMP(3)`;
export const inSeconds = (seconds: number) => sql`UTC_TIMESTAMP(3) + INTERVAL ${seconds} SECOND`;
export const inMinutes = (minutes: number) => sql`UTC_TIMESTAMP(3) + INTERVAL ${minutes} MINUTE`;

/**
 * A process that hangs in the middle of a transaction (stopped, swapped out, cut off) would hold its locks for hours:
 * idle_transaction_timeout makes the server end it. Our code never pauses inside a transaction.
 */
const SESSION =
  "SET time_zone = '+00:00', SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', SESSION innodb_lock_wait_timeout = 2, SESSION idle_transaction_timeout = 10";

/** A server that is stopped, or whose disk is full, doesn't answer: so statements, connections and the wait for one time out. */
const STATEMENT_MS = 3000;
const CONNECT_MS = 2000;
const PLACE_MS = 4000;

/** How to connect, from mysql://user:password@host:port/name or the same with ?socketPath=/path for a unix socket. */
export function connectionOptions(url: string): ConnectionOptions {
  const at = new URL(url);
  const socketPath = at.searchParams.get("socketPath");
  return {
    ...(socketPath ? { socketPath } : { host: at.hostname, port: Number(at.port || 3306) }),
    user: decodeURIComponent(at.username),
    password: decodeURIComponent(at.password),
    database: at.pathname.slice(1),
    connectTimeout: CONNECT_MS,
    timezone: "Z",
    charset: "utf8mb4",
  };
}

/** Gives up waiting after PLACE_MS; a later result goes to `late`. */
function bounded<T>(work: Promise<T>, late: (value: T) => void = () => {}): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      reject(new DatabaseUnavailable(new Error("no answer in time")));
    }, PLACE_MS);
    work.then(
      (value) => {
        clearTimeout(timer);
        if (over) late(value);
        else resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** The part of mysql2's connection that every statement goes through; its own time limit is an option per statement. */
interface CoreConnection {
  addCommand(command: Command): unknown;
  destroy(): void;
}
interface Command {
  timeout?: number;
  onResult?: (error: { code?: string } | null, ...results: unknown[]) => void;
}

/** Gives every statement of a connection a time limit; a statement that times out leaves its connection unusable. */
function limitStatements(connection: CoreConnection): void {
  const add = connection.addCommand.bind(connection);
  connection.addCommand = (command) => {
    const { onResult } = command;
    if (typeof onResult === "function") {
      command.timeout = STATEMENT_MS;
      command.onResult = (error, ...results) => {
        if (error?.code === "PROTOCOL_SEQUENCE_TIMEOUT") connection.destroy();
        onResult(error, ...results);
      };
    }
    return add(command);
  };
}

function openPool(url: string, connectionLimit: number): Pool {
  const pool = createPool({ ...connectionOptions(url), connectionLimit });
  pool.pool.on("connection", (connection) => {
    limitStatements(connection as unknown as CoreConnection);
    // Queued before the first statement of whoever requested the connection.
    connection.query(SESSION, () => {});
  });
  const getConnection = pool.getConnection.bind(pool);
  const query = pool.query.bind(pool) as (...parts: unknown[]) => Promise<unknown>;
  Object.assign(pool, {
    getConnection: () => bounded(getConnection(), (connection) => connection.release()),
    query: (...parts: unknown[]) => bounded(query(...parts)),
  });
  return pool;
}

/** Opens both pools; connects on first use. @param url as for `connectionOptions` */
export function openDatabase(url: string): Database {
  const pool = openPool(url, 20);
  const side = openPool(url, 2);
  return {
    db: drizzle(pool),
    side: drizzle(side),
    pool,
    close: async () => void (await Promise.all([pool.end(), side.end()])),
  };
}

/** How long to repeat a transaction before the caller gets an error. */
const PATIENCE_MS = 2000;

/**
 * Runs `work` in a transaction, COMMIT included, and repeats the whole when the server undid it (deadlock and
 * the like), with full jitter (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
 * If the connection was lost at the COMMIT, it may or may not have taken effect: `work` is repeated only after
 * `readBack` found that it didn't; without `readBack`, `work` must be safe to repeat.
 * @throws DatabaseUnavailable after that without success; with `doubt` when it may have taken effect
 */
export async function transact<T>(
  db: Db,
  work: (tx: Tx) => Promise<T>,
  readBack: () => Promise<T | undefined> = async () => undefined,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  let doubt = false;
  for (let attempt = 0; ; attempt++) {
    let sent = false;
    try {
      if (doubt) {
        const found = await readBack();
        if (found !== undefined) return found;
      }
      const worked = async (tx: Tx) => {
        const result = await work(tx);
        sent = true;
        return result;
      };
      return await db.transaction(worked, { isolationLevel: "read committed" });
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble !== "undone" && trouble !== "gone") throw error;
      doubt ||= sent && trouble === "gone";
      if (performance.now() > deadline) throw new DatabaseUnavailable(error, doubt);
      await new Promise((go) => setTimeout(go, Math.random() * Math.min(400, 10 * 2 ** attempt)));
    }
  }
}

/** How many rows an UPDATE or DELETE matched. */
export function matched(result: [{ affectedRows: number }, ...unknown[]]): number {
  return result[0].affectedRows;
}

/** The rows of a statement on a connection of its own. */
export async function rowsOf<T>(connection: Connection, text: string, values: unknown[] = []): Promise<T[]> {
  const [rows] = await connection.query(text, values);
  return rows as T[];
}
