import { and, asc, eq, isNull, sql } from "drizzle-orm";
import { matched, now, type Tx, transact } from "../../db/client.ts";
import { violates } from "../../db/errors.ts";
import { type Role, sessions, tokens, users } from "../../db/schema/identity.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { IdentityDeps } from "./deps.ts";
import { hashPassword } from "./passwords.ts";

/** The form of a user's name. */
export const USER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/;

/** null: the default from the settings */
export interface Limits {
  /** machines at once */
  maxMachines: number | null;
  maxDurationMinutes: number | null;
  maxRequestsPerMinute: number | null;
}

export interface UserView extends Limits {
  name: string;
  role: Role;
  hasPassword: boolean;
  createdAt: Date;
}

/** The visible fields of a user: never the password's hash. */
const VIEW = {
  id: users.id,
  name: users.name,
  role: users.role,
  maxMachines: users.maxMachines,
  maxDurationMinutes: users.maxDurationMinutes,
  maxRequestsPerMinute: users.maxRequestsPerMinute,
  hasPassword: sql<boolean>`${users.passwordHash} IS NOT NULL`.mapWith(Boolean),
  createdAt: users.createdAt,
};

/** Limits as an event has them. */
const detailsOf = ({ maxMachines, maxDurationMinutes, maxRequestsPerMinute }: Partial<Limits>) => ({
  max_machines: maxMachines,
  max_duration_minutes: maxDurationMinutes,
  max_requests_per_minute: maxRequestsPerMinute,
});

const missing = (name: string) => new PoolError("user_not_found", `There is no user '${name}'`);

/** One user. @throws PoolError user_not_found */
export async function findUser(deps: IdentityDeps, name: string): Promise<UserView & { id: string }> {
  const [row] = await deps.db.select(VIEW).from(users).where(eq(users.name, name));
  if (!row) throw missing(name);
  return row;
}

/** The users, by name. */
export async function listUsers(deps: IdentityDeps, { limit, after }: PageInput): Promise<Page<UserView>> {
  const rows = await deps.db
    .select(VIEW)
    .from(users)
    .where(isAfter([users.name], after))
    .orderBy(asc(users.name))
    .limit(limit + 1);
  return pageOf(rows, limit, ({ name }) => [name]);
}

/** Names are compared byte by byte, but people must not have to tell `Tim` from `tim`. */
async function refuseTwin(tx: Tx, name: string): Promise<void> {
  const alike = sql`LOWER(${users.name}) = LOWER(${name}) AND ${users.name} <> ${name}`;
  const [twin] = await tx.select({ name: users.name }).from(users).where(alike).limit(1);
  if (twin) throw new PoolError("user_exists", `User '${twin.name}' already exists`);
}

/**
 * Makes a user.
 * @param password for logging in; stored as a hash. null: they use tokens only
 * @throws PoolError user_exists
 */
export async function createUser(
  deps: IdentityDeps,
  name: string,
  role: Role,
  limits: Limits,
  password: string | null,
): Promise<UserView> {
  const id = crypto.randomUUID();
  const passwordHash = password === null ? null : await hashPassword(password);
  try {
    await transact(deps.db, async (tx) => {
      await refuseTwin(tx, name);
      await tx.insert(users).values({ id, name, role, ...limits, passwordHash, createdAt: now });
      await record(deps, tx, "user.created", name, {
        role,
        ...detailsOf(limits),
        password: password !== null,
      });
    });
  } catch (error) {
    // If the connection was lost in COMMIT, the repeat finds its own row.
    if (!violates(error, "users_name") && !violates(error, "PRIMARY")) throw error;
    const [row] = await deps.db.select({ id: users.id }).from(users).where(eq(users.name, name));
    if (row?.id !== id) throw new PoolError("user_exists", `User '${name}' already exists`);
  }
  return findUser(deps, name);
}

/** After the password was changed or removed: ends the sessions that began with the old one. */
async function endPasswordSessions(tx: Tx, name: string): Promise<void> {
  const id = sql`(SELECT ${users.id} FROM ${users} WHERE ${eq(users.name, name)})`;
  await tx.delete(sessions).where(and(sql`${sessions.userId} = ${id}`, isNull(sessions.tokenHash)));
}

/**
 * Changes a user's role (which caps their tokens' roles at once), limits or password.
 * @throws PoolError user_not_found
 */
export async function changeUser(
  deps: IdentityDeps,
  name: string,
  { password, ...change }: Partial<Limits> & { role?: Role; password?: string | null },
): Promise<UserView> {
  // Before the transaction, because it is slow.
  const secret =
    password === undefined ? {} : { passwordHash: password === null ? null : await hashPassword(password) };
  await transact(deps.db, async (tx) => {
    const set = { ...change, ...secret };
    if (matched(await tx.update(users).set(set).where(eq(users.name, name))) === 0) throw missing(name);
    if (password !== undefined) await endPasswordSessions(tx, name);
    const passwordEvent = { password: password === null ? ("removed" as const) : ("changed" as const) };
    await record(deps, tx, "user.changed", name, {
      ...(change.role === undefined ? {} : { role: change.role }),
      ...detailsOf(change),
      ...(password === undefined ? {} : passwordEvent),
    });
  });
  return findUser(deps, name);
}

/**
 * Deletes a user with all their tokens and sessions: nobody can log in under that name any more.
 * @returns the id, by which to find their reservations
 * @throws PoolError user_not_found
 */
export async function forgetUser(deps: IdentityDeps, name: string): Promise<string> {
  const { id } = await findUser(deps, name);
  await transact(deps.db, async (tx) => {
    const gone = matched(await tx.delete(users).where(eq(users.id, id)));
    await tx.delete(sessions).where(eq(sessions.userId, id));
    await tx.delete(tokens).where(eq(tokens.userId, id));
    if (gone > 0) await record(deps, tx, "user.deleted", name);
  });
  return id;
}
