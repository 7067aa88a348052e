import { getTableName } from "drizzle-orm";
import { type Connection, createConnection } from "mysql2/promise";
import { connectionOptions, rowsOf } from "./client.ts";
import { isDenied } from "./errors.ts";
import { events } from "./schema/audit.ts";

const EVENTS = getTableName(events);
const ALL = ["SELECT", "INSERT", "UPDATE", "DELETE"];
/** What the program may do with a table, when it is not all of the above. */
const LESS: Record<string, string[]> = { [EVENTS]: ["SELECT", "INSERT"], __drizzle_migrations: ["SELECT"] };

/** 'user'@'host', as the server sees who has connected. */
async function userOf(connection: Connection): Promise<string> {
  const [row] = await rowsOf<{ user: string }>(connection, "SELECT CURRENT_USER() AS user");
  const user = row?.user ?? "";
  const at = user.lastIndexOf("@");
  return `${connection.escape(user.slice(0, at))}@${connection.escape(user.slice(at + 1))}`;
}

/** The statements that turn a database user's rights on tables into those that it should have; [] if it has exactly these. */
async function tableChanges(owner: Connection, program: Connection, user: string): Promise<string[]> {
  const tables = await rowsOf<{ db: string; name: string }>(
    owner,
    "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
  );
  const changes: string[] = [];
  for (const { db, name } of tables) {
    const has = await rowsOf<{ right: string; grantable: string }>(
      program,
      "SELECT PRIVILEGE_TYPE AS `right`, IS_GRANTABLE AS grantable FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ? AND TABLE_NAME = ?",
      [user, db, name],
    );
    const rights = has.map((one) => one.right);
    if (has.some((one) => one.grantable === "YES")) rights.push("GRANT OPTION");
    const wanted = LESS[name] ?? ALL;
    const lacks = wanted.filter((right) => !rights.includes(right));
    const excess = rights.filter((right) => !wanted.includes(right));
    const on = `ON ${owner.escapeId(db)}.${owner.escapeId(name)}`;
    if (lacks.length > 0) changes.push(`GRANT ${lacks.join(", ")} ${on} TO ${user}`);
    if (excess.length > 0) changes.push(`REVOKE ${excess.join(", ")} ${on} FROM ${user}`);
  }
  return changes;
}

/** The statements that revoke rights on the whole database: they apply to every table, and table rights only add to them. */
async function databaseChanges(owner: Connection, program: Connection, user: string): Promise<string[]> {
  const [database] = await rowsOf<{ name: string }>(owner, "SELECT DATABASE() AS name");
  // The name in a grant may be a pattern, such as machine\_manager or mm%.
  const grants = await rowsOf<{ name: string; grantable: string }>(
    program,
    "SELECT TABLE_SCHEMA AS name, MAX(IS_GRANTABLE) AS grantable FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? AND ? LIKE TABLE_SCHEMA GROUP BY TABLE_SCHEMA",
    [user, database?.name],
  );
  return grants.flatMap(({ name, grantable }) => {
    const from = `ON ${owner.escapeId(name)}.* FROM ${user}`;
    return [...(grantable === "YES" ? [`REVOKE GRANT OPTION ${from}`] : []), `REVOKE ALL PRIVILEGES ${from}`];
  });
}

/** A connection keeps the database rights that it had when it was opened, so end the program's; it opens new ones. */
async function endConnections(program: Connection, user: string): Promise<void> {
  const others = await rowsOf<{ id: number }>(
    program,
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = SUBSTRING_INDEX(USER(), '@', 1)",
  );
  for (const { id } of others)
    await program.query(`KILL ${Number(id)}`).catch((error) => {
      // 1094: it no longer exists.
      if (error.errno !== 1094) throw new Error(`can't end a connection of ${user}`, { cause: error });
    });
}

/** Tries what must be refused, on no row. @throws Error if it is allowed */
async function checkRefused(programUrl: string, user: string): Promise<void> {
  const program = await createConnection(connectionOptions(programUrl));
  try {
    for (const attempt of [`DELETE FROM ${EVENTS} WHERE FALSE`, `UPDATE ${EVENTS} SET id = id WHERE FALSE`])
      await program.query(attempt).then(
        () => {
          throw new Error(
            `DATABASE_URL's database user ${user} may still do "${attempt}": revoke its rights on the whole server and its roles (SHOW GRANTS FOR ${user}), or give the program a separate database user`,
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
 * Grants the program's database user its rights, table by table, and revokes all others: it may only add to the events,
 * and can't change the tables themselves. What it needs is granted before anything is revoked, and correct rights are left
 * alone, so that a running program never lacks a right.
 * @param owner a connection that may grant on the database
 * @returns what was changed, in SQL without secrets
 * @throws Error when the database user is the owner, or has rights that the owner can't revoke
 */
export async function grantProgram(owner: Connection, programUrl: string): Promise<string[]> {
  // Without selecting the database: it may have no rights on it yet.
  const { database: _, ...options } = connectionOptions(programUrl);
  const program = await createConnection(options);
  try {
    const user = await userOf(program);
    if (user === (await userOf(owner)))
      throw new Error(
        "DATABASE_URL and DATABASE_OWNER_URL have the same database user; they must have different ones",
      );
    const granted = await tableChanges(owner, program, user);
    for (const change of granted) await owner.query(change);
    const revoked = await databaseChanges(owner, program, user);
    for (const change of revoked)
      await owner.query(change).catch((error) => {
        throw isDenied(error)
          ? new Error(`the owner may not "${change}"; run it as the database's administrator`)
          : error;
      });
    if (revoked.length > 0) await endConnections(program, user);
    await checkRefused(programUrl, user);
    return [...granted, ...revoked];
  } finally {
    await program.end();
  }
}
