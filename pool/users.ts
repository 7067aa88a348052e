import { asc, eq } from "drizzle-orm";
import { matched, now, transact } from "../db/client.ts";
import { violates } from "../db/errors.ts";
import { type Role, reservations, tokens, users } from "../db/schema.ts";
import type { PoolDeps } from "./deps.ts";
import { PoolError } from "./errors.ts";
import { record } from "./events.ts";
import { release } from "./release.ts";

export interface Limits {
  /** machines at once; null: as the settings say */
  maxMachines: number | null;
  maxDurationMinutes: number | null;
}

export interface UserView extends Limits {
  name: string;
  role: Role;
  createdAt: Date;
}

const missing = (name: string) => new PoolError("user_not_found", `There is no user '${name}'`);

/** One user's row. @throws PoolError user_not_found */
export async function findUser(deps: PoolDeps, name: string) {
  const [row] = await deps.db.select().from(users).where(eq(users.name, name));
  if (!row) throw missing(name);
  return row;
}

export async function listUsers(deps: PoolDeps): Promise<UserView[]> {
  return deps.db
    .select({
      name: users.name,
      role: users.role,
      maxMachines: users.maxMachines,
      maxDurationMinutes: users.maxDurationMinutes,
      createdAt: users.createdAt,
    })
    .from(users)
    .orderBy(asc(users.name));
}

/** @throws PoolError user_exists */
export async function createUser(
  deps: PoolDeps,
  name: string,
  role: Role,
  limits: Limits,
): Promise<UserView> {
  const id = crypto.randomUUID();
  try {
    await transact(deps.db, async (tx) => {
      await tx.insert(users).values({ id, name, role, ...limits, createdAt: now });
      await record(deps, tx, "user.created", name, { role, ...limits });
    });
  } catch (error) {
    // After a connection lost in COMMIT the repeat meets its own row.
    if (!violates(error, "users_name") && !violates(error, "PRIMARY")) throw error;
    const [row] = await deps.db.select().from(users).where(eq(users.name, name));
    if (row?.id !== id) throw new PoolError("user_exists", `There is a user '${name}' already`);
  }
  return findUser(deps, name);
}

/** Gives a user another role (their tokens count for no more than it from now on) or limits. @throws PoolError user_not_found */
export async function changeUser(
  deps: PoolDeps,
  name: string,
  change: Partial<Limits> & { role?: Role },
): Promise<UserView> {
  await transact(deps.db, async (tx) => {
    if (matched(await tx.update(users).set(change).where(eq(users.name, name))) === 0) throw missing(name);
    await record(deps, tx, "user.changed", name, change);
  });
  return findUser(deps, name);
}

/**
 * Deletes a user with all their tokens, and ends their reservations.
 * @returns the machines that are clean, and those that are cleaned as soon as they can be
 * @throws PoolError user_not_found
 */
export async function deleteUser(
  deps: PoolDeps,
  name: string,
): Promise<{ clean: string[]; pending: string[] }> {
  const { id } = await findUser(deps, name);
  // First the door, then what is inside: no new reservation comes while the old ones end.
  await transact(deps.db, async (tx) => {
    await tx.delete(tokens).where(eq(tokens.userId, id));
    const gone = matched(await tx.delete(users).where(eq(users.id, id)));
    if (gone > 0) await record(deps, tx, "user.deleted", name);
  });
  const theirs = await deps.db
    .select({ id: reservations.id, endedAt: reservations.endedAt })
    .from(reservations)
    .where(eq(reservations.userId, id));
  const live = theirs.filter((one) => one.endedAt === null);
  const ended = await Promise.all(
    live.map((one) =>
      release(deps, one.id).catch((error) => {
        if (error instanceof PoolError) return { clean: [], pending: [] };
        throw error;
      }),
    ),
  );
  return { clean: ended.flatMap((one) => one.clean), pending: ended.flatMap((one) => one.pending) };
}
