import { eq } from "drizzle-orm";
import { type Tx, transact } from "../../db/client.ts";
import { sessions, users } from "../../db/schema/identity.ts";
import { actingAs } from "../audit/deps.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import type { IdentityDeps } from "./deps.ts";
import { loginsOf, refund, takeTry, triesOf } from "./login_tries.ts";
import { isPassword } from "./passwords.ts";
import { digest, findToken, type Principal } from "./principal.ts";
import { beginSession, findSession, loginName, newSecret, type Session } from "./sessions.ts";
import { USER_NAME } from "./users.ts";

export type Credentials = { user: string; password: string } | { token: string };

/** Anything else was mistyped (it may be a password), so it is never recorded and never matches. */
const isName = (text: string) => USER_NAME.test(text);

const refused = () => new PoolError("login_failed", "Invalid credentials");

interface Found {
  principal: Principal;
  token: string | undefined;
  /** Checks again, in the transaction: what was proved may have been revoked in the meantime. */
  still(tx: Tx): Promise<boolean>;
}

/** Unknown names, users without a password and wrong passwords all get the same answer, after the same work. */
async function byPassword(deps: IdentityDeps, name: string, password: string): Promise<Found | undefined> {
  const [row] = isName(name) ? await deps.db.select().from(users).where(eq(users.name, name)) : [];
  const good = await isPassword(password, row?.passwordHash ?? null, name);
  if (!row || !good) return undefined;
  const { id: userId, role, maxRequestsPerMinute } = row;
  return {
    principal: { name: `${name}/password`, role, userId, userName: name, maxRequestsPerMinute },
    token: undefined,
    async still(tx) {
      const [now] = await tx.select().from(users).where(eq(users.id, userId)).for("update");
      return now?.passwordHash === row.passwordHash;
    },
  };
}

async function byToken(deps: IdentityDeps, token: string): Promise<Found | undefined> {
  const principal = await findToken(deps, token);
  // A session checks its token at each request, so there is nothing to check again.
  return principal && { principal, token, still: async () => true };
}

/**
 * Logs somebody in.
 * @param old what the browser's cookie held; that session ends
 * @returns the new session, and what its cookie holds
 * @throws PoolError login_failed, too_many_logins
 */
export async function logIn(
  deps: IdentityDeps,
  input: Credentials,
  old: string | undefined,
): Promise<Session & { secret: string }> {
  const name = "token" in input ? undefined : isName(input.user) ? input.user : "?";
  const tries = triesOf(deps.actor.address, name);
  await takeTry(deps, tries);
  const found = await ("token" in input
    ? byToken(deps, input.token)
    : byPassword(deps, input.user, input.password));
  // Whose login it is isn't known until the token is found.
  if (found && name === undefined) await takeTry(deps, [loginsOf(loginName(found.principal))]);
  const secret = newSecret();
  const begun =
    found &&
    (await transact(
      deps.db,
      async (tx) => {
        if (!(await found.still(tx))) return false;
        const { principal, token } = found;
        await beginSession(actingAs(deps, { ...deps.actor, name: principal.name }), tx, {
          secret,
          principal,
          token,
          old,
        });
        await refund(tx, tries); // last: others wait for these rows
        return true;
      },
      async () =>
        (
          await deps.db
            .select()
            .from(sessions)
            .where(eq(sessions.id, digest(secret)))
        ).length > 0 || undefined,
    ));
  if (!begun) {
    await transact(deps.db, (tx) => record(deps, tx, "login.failed", name ?? "?"));
    throw refused();
  }
  const session = await findSession(deps, secret);
  if (!session) throw refused(); // revoked in the same moment
  return { ...session, secret };
}
