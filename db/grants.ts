import { getTableName } from "drizzle-orm";
import { type Connection, createConnection } from "mysql2/promise";
import { connectionOptions } from "./client.ts";
import { isDenied } from "./errors.ts";
import { events } from "./schema/audit.ts";

const EVENTS = getTableName(events);
const ALL = ["SELECT", "INSERT", "UPDATE", "DELETE"];
/** What the program may do with a table, when it is not all of the above. */
const LESS: Record<string, string[]> = { [EVENTS]: ["SELECT", "INSERT"], __drizzle_migrations: ["SELECT"] };

async function rowsOf<T>(connection: Connection, text: string, values: unknown[] = []): Promise<T[]> {
  const [rows] = await connection.query(text, values);
  return rows as T[];
}

/** 'user'@'host', as the server sees who has connected. */
async function accountOf(connection: Connection): Promise<string> {
  const [row] = await rowsOf<{ account: string }>(connection, "SELECT CURRENT_USER() AS account");
  const account = row?.account ?? "";
  const at = account.lastIndexOf("@");
  return `${connection.escape(account.slice(0, at))}@${connection.escape(account.slice(at + 1))}`;
}

/** What turns the rights on tables that an account has into those that it should have; [] when it has just these. */
async function tableChanges(owner: Connection, program: Connection, account: string): Promise<string[]> {
  const tables = await rowsOf<{ db: string; name: string }>(
    owner,
    "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
  );
  const changes: string[] = [];
  for (const { db, name } of tables) {
    const has = await rowsOf<{ right: string; grantable: string }>(
      program,
      "SELECT PRIVILEGE_TYPE AS `right`, IS_GRANTABLE AS grantable FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ? AND TABLE_NAME = ?",
      [account, db, name],
    );
    const rights = has.map((one) => one.right);
    if (has.some((one) => one.grantable === "YES")) rights.push("GRANT OPTION");
    const wanted = LESS[name] ?? ALL;
    const lacks = wanted.filter((right) => !rights.includes(right));
    const excess = rights.filter((right) => !wanted.includes(right));
    const on = `ON ${owner.escapeId(db)}.${owner.escapeId(name)}`;
    if (lacks.length > 0) changes.push(`GRANT ${lacks.join(", ")} ${on} TO ${account}`);
    if (excess.length > 0) changes.push(`REVOKE ${excess.join(", ")} ${on} FROM ${account}`);
  }
  return changes;
}

/** What takes away rights on the whole database: they hold for every table, and rights on one table only add to them. */
async function databaseChanges(owner: Connection, program: Connection, account: string): Promise<string[]> {
  const [database] = await rowsOf<{ name: string }>(owner, "SELECT DATABASE() AS name");
  // Its name here may be a pattern, such as machine\_manager or mm%.
  const grants = await rowsOf<{ name: string; grantable: string }>(
    program,
    "SELECT TABLE_SCHEMA AS name, MAX(IS_GRANTABLE) AS grantable FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? AND ? LIKE TABLE_SCHEMA GROUP BY TABLE_SCHEMA",
    [account, database?.name],
  );
  return grants.flatMap(({ name, grantable }) => {
    const from = `ON ${owner.escapeId(name)}.* FROM ${account}`;
    return [...(grantable === "YES" ? [`REVOKE GRANT OPTION ${from}`] : []), `REVOKE ALL PRIVILEGES ${from}`];
  });
}

/** A connection keeps the rights on a database that it had when it was made; the program then makes new ones. */
async function endConnections(program: Connection, account: string): Promise<void> {
  const others = await rowsOf<{ id: number }>(
    program,
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = SUBSTRING_INDEX(USER(), '@', 1)",
  );
  for (const { id } of others)
    await program.query(`KILL ${Number(id)}`).catch((error) => {
      // 1094: it has ended by itself.
      if (error.errno !== 1094) throw new Error(`can't end a connection of ${account}`, { cause: error });
    });
}

/** Tries what must not be possible, on no row. @throws Error when it is */
async function checkRefused(programUrl: string, account: string): Promise<void> {
  const program = await createConnection(connectionOptions(programUrl));
  try {
    for (const attempt of [`DELETE FROM ${EVENTS} WHERE FALSE`, `UPDATE ${EVENTS} SET id = id WHERE FALSE`])
      await program.query(attempt).then(
        () => {
          throw new Error(
            `DATABASE_URL's account ${account} may still do "${attempt}": take away its rights on the whole server and its roles (SHOW GRANTS FOR ${account}), or give the program an account of its own`,
          );
        },
        (error) => {
          if (!isDenied(error)) throw error;
        },
      );
  } finally {
    await program.end();
  }
}

/**
 * Gives the program's account its rights, table by table, and takes away what it has beyond them: it may only add to the
 * events, and can't change the tables themselves. What it needs is granted before anything is taken away, and what is as
 * it should be is left alone, so that a program that runs never lacks a right.
 * @param owner a connection that may grant on the database
 * @returns what was changed, in SQL without secrets
 * @throws Error when the account is the owner's own, or has rights that the owner can't take away
 */
export async function grantProgram(owner: Connection, programUrl: string): Promise<string[]> {
  // Without a database: it may have no rights on this one yet.
  const { database: _, ...options } = connectionOptions(programUrl);
  const program = await createConnection(options);
  try {
    const account = await accountOf(program);
    if (account === (await accountOf(owner)))
      throw new Error("DATABASE_URL and DATABASE_OWNER_URL have the same account; they must have one each");
    const granted = await tableChanges(owner, program, account);
    for (const change of granted) await owner.query(change);
    const revoked = await databaseChanges(owner, program, account);
    for (const change of revoked)
      await owner.query(change).catch((error) => {
        throw isDenied(error)
          ? new Error(`the owner may not "${change}"; do it as the database's administrator`)
          : error;
      });
    if (revoked.length > 0) await endConnections(program, account);
    await checkRefused(programUrl, account);
    return [...granted, ...revoked];
  } finally {
    await program.end();
  }
}
