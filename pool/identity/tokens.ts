import { randomBytes } from "node:crypto";
import { asc, eq, sql } from "drizzle-orm";
import { matched, now, transact } from "../../db/client.ts";
import { type Role, sessions, tokens, users } from "../../db/schema/identity.ts";
import { record } from "../audit/events.ts";
import { invalid, PoolError } from "../errors.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { IdentityDeps } from "./deps.ts";
import { digest, mayAct } from "./principal.ts";
import { findUser } from "./users.ts";

export interface TokenView {
  id: string;
  name: string;
  user: string;
  role: Role;
  prefix: string;
  createdAt: Date;
  expiresAt: Date | null;
}

const PREFIX_LENGTH = 8;

function select(deps: IdentityDeps) {
  return deps.db
    .select({
      id: tokens.id,
      name: tokens.name,
      user: users.name,
      role: tokens.role,
      prefix: tokens.prefix,
      createdAt: tokens.createdAt,
      expiresAt: tokens.expiresAt,
    })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId));
}

/** The tokens, by their users' names and their own. */
export async function listTokens(deps: IdentityDeps, { limit, after }: PageInput): Promise<Page<TokenView>> {
  const order = [users.name, tokens.name, tokens.id];
  const rows = await select(deps)
    .where(isAfter(order, after))
    .orderBy(...order.map((column) => asc(column)))
    .limit(limit + 1);
  return pageOf(rows, limit, ({ user, name, id }) => [user, name, id]);
}

/**
 * Makes a token for a user. It is shown only this once and stored as a SHA-256.
 * @param role at most the user's; undefined: the user's
 * @param days until it expires; undefined: never
 * @throws PoolError user_not_found, invalid_request
 */
export async function createToken(
  deps: IdentityDeps,
  input: { user: string; name: string; role?: Role | undefined; days?: number | undefined },
): Promise<TokenView & { token: string }> {
  const user = await findUser(deps, input.user);
  const role = input.role ?? user.role;
  if (!mayAct(user.role, role))
    throw invalid("role", `${user.name} is ${user.role}, and a token can't have a higher role`);
  const id = crypto.randomUUID();
  const token = `mm_${randomBytes(32).toString("base64url")}`;
  await transact(
    deps.db,
    async (tx) => {
      await tx.insert(tokens).values({
        id,
        userId: user.id,
        name: input.name,
        role,
        prefix: token.slice(0, PREFIX_LENGTH),
        hash: digest(token),
        createdAt: now,
        expiresAt: input.days === undefined ? null : sql`UTC_TIMESTAMP(3) + INTERVAL ${input.days} DAY`,
      });
      await record(deps, tx, "token.created", id, {
        user: user.name,
        name: input.name,
        role,
        days: input.days,
      });
      return true;
    },
    async () =>
      (await deps.db.select().from(tokens).where(eq(tokens.id, id))).length > 0 ? true : undefined,
  );
  const [row] = await select(deps).where(eq(tokens.id, id));
  if (!row) throw new PoolError("token_not_found", "The token was revoked while it was being made");
  return { ...row, token };
}

/** Revokes a token and its sessions, with immediate effect. @throws PoolError token_not_found */
export async function deleteToken(deps: IdentityDeps, id: string): Promise<void> {
  await transact(deps.db, async (tx) => {
    const [row] = await tx
      .select({ name: tokens.name, user: users.name, hash: tokens.hash })
      .from(tokens)
      .leftJoin(users, eq(users.id, tokens.userId))
      .where(eq(tokens.id, id));
    if (!row || matched(await tx.delete(tokens).where(eq(tokens.id, id))) === 0)
      throw new PoolError("token_not_found", `There is no token '${id}'`);
    await tx.delete(sessions).where(eq(sessions.tokenHash, row.hash));
    await record(deps, tx, "token.deleted", id, { user: row.user, name: row.name });
  });
}
