import { createHash, timingSafeEqual } from "node:crypto";
import { and, eq, gt, isNull, or } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { ROLES, type Role, tokens, users } from "../../db/schema/identity.ts";
import type { IdentityDeps } from "./deps.ts";

export { ROLES, type Role };

/** Who is asking, and what they may do. */
export interface Principal {
  /** as shown and recorded: a user's name and their token's, or `password` */
  name: string;
  role: Role;
  /** null: the ADMIN_TOKEN, or an open API */
  userId: string | null;
  userName: string | null;
  /** null: the default from the settings */
  maxRequestsPerMinute: number | null;
}

const NO_USER = { userId: null, userName: null, maxRequestsPerMinute: null };
export const ADMIN: Principal = { name: "ADMIN_TOKEN", role: "admin", ...NO_USER };
export const OPEN_API: Principal = { name: "open", role: "admin", ...NO_USER };

/** viewer < user < admin: each role includes the ones before it. */
export const mayAct = (has: Role, needed: Role) => ROLES.indexOf(has) >= ROLES.indexOf(needed);

/** A user whose role was lowered must not keep the higher one through an older token. */
export const lesser = (one: Role, other: Role) => (mayAct(one, other) ? other : one);

export const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** Compares two secrets in constant time: their digests have equal length. */
export const sameSecret = (a: string, b: string) =>
  timingSafeEqual(Buffer.from(digest(a), "hex"), Buffer.from(digest(b), "hex"));

/** A condition: the token has not expired. */
export const unexpired = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now));

/**
 * Finds whose token it is, in the database each time: revocation takes effect immediately, in every process.
 * @returns undefined for a token that is unknown, expired or revoked
 */
export async function findToken(deps: IdentityDeps, token: string): Promise<Principal | undefined> {
  if (deps.adminToken && sameSecret(token, deps.adminToken)) return ADMIN;
  const [row] = await deps.db
    .select({
      token: tokens.name,
      role: tokens.role,
      userId: users.id,
      userName: users.name,
      userRole: users.role,
      maxRequestsPerMinute: users.maxRequestsPerMinute,
    })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId))
    .where(and(eq(tokens.hash, digest(token)), unexpired));
  if (!row) return undefined;
  const { token: name, userRole, role, ...user } = row;
  return { ...user, name: `${user.userName}/${name}`, role: lesser(userRole, role) };
}

/** The id of the user whose reservations they see and end: users their own, viewers and admins everybody's (undefined). */
export const userSeenBy = (who: Principal) => (who.role === "user" ? (who.userId ?? "") : undefined);
