import { randomBytes } from "node:crypto";
import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import { matched, now, type Tx, transact } from "../../db/client.ts";
import { sessions, tokens, users } from "../../db/schema/identity.ts";
import type { AuditDeps } from "../audit/deps.ts";
import { record } from "../audit/events.ts";
import type { IdentityDeps } from "./deps.ts";
import { ADMIN, digest, lesser, type Principal, unexpired } from "./principal.ts";

/** A session ends when it has been idle for this long, and after LONGEST_HOURS in any case. */
export const IDLE_MINUTES = 60;
const LONGEST_HOURS = 12;

/** The most sessions that one user may have at once; the next one ends the oldest. */
const MOST_SESSIONS = 20;

const used = sql`${sessions.seenAt} > UTC_TIMESTAMP(3) - INTERVAL ${IDLE_MINUTES} MINUTE`;
const young = sql`${sessions.createdAt} > UTC_TIMESTAMP(3) - INTERVAL ${LONGEST_HOURS} HOUR`;
const end = sql`${sessions.createdAt} + INTERVAL ${LONGEST_HOURS} HOUR`;

export interface Session {
  principal: Principal;
  /** at the latest, if it stays in use and nobody ends it */
  endsAt: Date;
}

/**
 * Finds a session in the database each time, as with tokens: when the token, ADMIN_TOKEN or user that it stands for goes,
 * it ends at once, in every process.
 * @param secret what the cookie holds
 * @param isUse whether it is used by that, and no longer idle
 * @returns undefined for one that is unknown or has ended
 */
export async function findSession(
  deps: IdentityDeps,
  secret: string,
  isUse = true,
): Promise<Session | undefined> {
  const id = digest(secret);
  const [row] = await deps.db
    .select({
      userId: sessions.userId,
      tokenHash: sessions.tokenHash,
      user: users.name,
      userRole: users.role,
      maxRequestsPerMinute: users.maxRequestsPerMinute,
      token: tokens.name,
      tokenRole: tokens.role,
      endsAt: sql<Date>`LEAST(${end}, COALESCE(${tokens.expiresAt}, ${end}))`.mapWith(sessions.createdAt),
      unseen: sql<boolean>`${sessions.seenAt} < UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE`.mapWith(Boolean),
    })
    .from(sessions)
    .leftJoin(users, eq(users.id, sessions.userId))
    .leftJoin(tokens, and(eq(tokens.hash, sessions.tokenHash), eq(tokens.userId, sessions.userId), unexpired))
    .where(and(eq(sessions.id, id), used, young));
  if (!row) return undefined;
  const principal = principalOf(deps, row);
  // Not at every request: that would make each read a write.
  if (principal && row.unseen && isUse)
    await deps.db.update(sessions).set({ seenAt: now }).where(eq(sessions.id, id));
  return principal && { principal, endsAt: row.endsAt };
}

type Row = {
  [name in "userId" | "tokenHash" | "user" | "token"]: string | null;
} & { [name in "userRole" | "tokenRole"]: Principal["role"] | null } & {
  maxRequestsPerMinute: number | null;
};

function principalOf(deps: IdentityDeps, row: Row): Principal | undefined {
  const { userId, tokenHash, user, userRole, token, tokenRole, maxRequestsPerMinute } = row;
  if (userId === null) return deps.adminToken && tokenHash === digest(deps.adminToken) ? ADMIN : undefined;
  if (user === null || userRole === null) return undefined;
  const theirs = { userId, userName: user, maxRequestsPerMinute };
  if (tokenHash === null) return { name: `${user}/password`, role: userRole, ...theirs };
  if (tokenRole === null) return undefined;
  return { name: `${user}/${token}`, role: lesser(userRole, tokenRole), ...theirs };
}

/** The name under which logins are recorded and counted. */
export const loginName = ({ name, userName }: Principal) => userName ?? name;

/**
 * Makes a session, within the transaction that verified the login. The browser's old session ends: an id that somebody
 * else planted there never becomes a valid one.
 * @param secret 256 random bits: its SHA-256 is as hard to reverse as to guess
 * @param token the one that was used to log in; undefined: a password was
 * @param old what the browser's cookie held
 */
export async function beginSession(
  deps: IdentityDeps,
  tx: Tx,
  session: { secret: string; principal: Principal; token: string | undefined; old: string | undefined },
): Promise<void> {
  const { secret, principal, token, old } = session;
  if (old !== undefined && matched(await tx.delete(sessions).where(eq(sessions.id, digest(old)))) > 0)
    await record(deps, tx, "session.ended", loginName(principal), { by: "a new login" });
  await tx.insert(sessions).values({
    id: digest(secret),
    userId: principal.userId,
    tokenHash: token === undefined ? null : digest(token),
    createdAt: now,
    seenAt: now,
  });
  await record(deps, tx, "session.created", loginName(principal), {
    by: token === undefined ? "password" : "token",
  });
  await endOldest(deps, tx, principal);
}

async function endOldest(deps: IdentityDeps, tx: Tx, principal: Principal): Promise<void> {
  const theirs = principal.userId === null ? isNull(sessions.userId) : eq(sessions.userId, principal.userId);
  const old = await tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(theirs)
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(1000)
    .offset(MOST_SESSIONS);
  if (old.length === 0) return;
  const ids = old.map(({ id }) => id);
  const gone = matched(await tx.delete(sessions).where(inArray(sessions.id, ids)));
  await record(deps, tx, "session.ended", loginName(principal), { by: "newer ones", count: gone });
}

/** What a new session's cookie holds: 256 random bits. */
export const newSecret = () => randomBytes(32).toString("base64url");

/** Ends a session: its cookie is no longer valid, in any process. */
export async function endSession(deps: IdentityDeps, secret: string, principal: Principal): Promise<void> {
  await transact(deps.db, async (tx) => {
    if (matched(await tx.delete(sessions).where(eq(sessions.id, digest(secret)))) > 0)
      await record(deps, tx, "session.ended", loginName(principal), { by: "logout" });
  });
}

/** Deletes expired sessions. @returns how many */
export async function pruneSessions(deps: AuditDeps): Promise<number> {
  return matched(await deps.db.delete(sessions).where(sql`NOT (${used} AND ${young})`));
}
