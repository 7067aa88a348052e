import { createHash, timingSafeEqual } from "node:crypto";
import { and, eq, gt, isNull, or } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { ROLES, type Role, tokens, users } from "../../db/schema/identity.ts";
import type { IdentityDeps } from "./deps.ts";

export { ROLES, type Role };

/** Who asks, and what they may do. */
export interface Principal {
  /** for people and records: a user's name and their token's, or `password` */
  name: string;
  role: Role;
  /** null: the ADMIN_TOKEN, or an open API */
  userId: string | null;
  userName: string | null;
  /** null: as the settings say for every user */
  maxRequestsPerMinute: number | null;
}

const NOBODYS = { userId: null, userName: null, maxRequestsPerMinute: null };
export const ADMIN: Principal = { name: "ADMIN_TOKEN", role: "admin", ...NOBODYS };
export const OPEN_API: Principal = { name: "open", role: "admin", ...NOBODYS };

/** viewer < user < admin: each may do what the one before may. */
export const mayAct = (has: Role, needed: Role) => ROLES.indexOf(has) >= ROLES.indexOf(needed);

/** A user who was given less may not go on with more through an older token. */
export const lesser = (one: Role, other: Role) => (mayAct(one, other) ? other : one);

export const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** Compares two secrets in a time that says nothing of them: their digests have one length. */
export const sameSecret = (a: string, b: string) =>
  timingSafeEqual(Buffer.from(digest(a), "hex"), Buffer.from(digest(b), "hex"));

/** For a query: tokens that still count. */
export const unexpired = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now));

/**
 * Whose token it is, asked of the database each time: one that was taken away stops counting at once, in every process.
 * @returns undefined for a token that is unknown, expired or taken away
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

/** Whose reservations they see and end: a user their own, a viewer and an admin (undefined) everybody's. */
export const ownerSeenBy = (who: Principal) => (who.role === "user" ? (who.userId ?? "") : undefined);
