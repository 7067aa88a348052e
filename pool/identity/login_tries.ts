import { eq, lte, sql } from "drizzle-orm";
import { matched, now, type Tx, transact } from "../../db/client.ts";
import { loginTries } from "../../db/schema/identity.ts";
import type { AuditDeps } from "../audit/deps.ts";
import { record } from "../audit/events.ts";
import { networkOf } from "../audit/network.ts";
import { PoolError } from "../errors.ts";

/** Limits per window: failed logins per name and per address, and logins per name, successful or not. */
const MOST_OF_A_NAME = 10;
const MOST_FROM_AN_ADDRESS = 50;
const MOST_LOGINS = 60;
const WINDOW_MINUTES = 15;

export interface Tries {
  by: "account" | "address" | "logins";
  what: string;
  most: number;
}

/** What a login attempt counts towards. @param name undefined: a token was given, and whose it is isn't known yet */
export function triesOf(address: string, name: string | undefined): Tries[] {
  const from: Tries = { by: "address", what: networkOf(address), most: MOST_FROM_AN_ADDRESS };
  if (name === undefined) return [from];
  return [from, { by: "account", what: name, most: MOST_OF_A_NAME }, loginsOf(name)];
}

/** Successful logins also cost a password hash and a session, so these counts are not refunded. */
export const loginsOf = (name: string): Tries => ({ by: "logins", what: name, most: MOST_LOGINS });

const keyOf = ({ by, what }: Tries) => `${by}:${what}`;
const rowOf = (one: Tries) => eq(loginTries.who, keyOf(one));

/**
 * Counts a try before the password is checked, so that parallel tries can't get around the limit; one that succeeds is
 * refunded. Counts are rows, shared by all processes. Tries from an address over its limit don't count against a name:
 * otherwise that address could lock out everybody.
 * @throws PoolError too_many_logins; the first one in a window is recorded
 */
export async function takeTry(deps: AuditDeps, all: Tries[]): Promise<void> {
  const taken: Tries[] = [];
  for (const one of all) {
    const tries = await transact(deps.db, (tx) => countUp(tx, one));
    if (tries <= one.most) {
      taken.push(one);
      continue;
    }
    const seconds = await transact(deps.db, async (tx) => {
      await refund(tx, taken);
      const left = await secondsLeft(tx, one);
      if (tries === one.most + 1)
        await record(deps, tx, "login.limited", one.what, { by: one.by, tries: one.most, seconds: left });
      return left;
    });
    throw new PoolError(
      "too_many_logins",
      one.by === "logins"
        ? `Too many logins; keep the session, use a token, or try again in ${seconds} seconds`
        : `Too many failed logins; try again in ${seconds} seconds`,
      [],
      seconds,
    );
  }
}

/** One statement, so that the row isn't locked for any longer. @returns the count, including this try */
async function countUp(tx: Tx, one: Tries): Promise<number> {
  const begin = sql`UTC_TIMESTAMP(3) + INTERVAL ${WINDOW_MINUTES} MINUTE`;
  const over = sql`${loginTries.until} <= UTC_TIMESTAMP(3)`;
  const [{ insertId }] = await tx
    .insert(loginTries)
    .values({ who: keyOf(one), tries: 1, until: begin })
    // MariaDB assigns from left to right: `tries` still sees the old `until`. LAST_INSERT_ID returns the new count.
    .onDuplicateKeyUpdate({
      set: {
        tries: sql`LAST_INSERT_ID(IF(${over}, 1, ${loginTries.tries} + 1))`,
        until: sql`IF(${over}, ${begin}, ${loginTries.until})`,
      },
    });
  return insertId || 1;
}

async function secondsLeft(tx: Tx, one: Tries): Promise<number> {
  const left = sql`TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), ${loginTries.until}) / 1000000`;
  const [row] = await tx
    .select({ seconds: sql<number>`GREATEST(1, CEIL(${left}))`.mapWith(Number) })
    .from(loginTries)
    .where(rowOf(one));
  return row?.seconds ?? 1;
}

/** After a successful login: resets the name's count, and refunds the address one try. */
export async function refund(tx: Tx, all: Tries[]): Promise<void> {
  for (const one of all.filter(({ by }) => by !== "logins"))
    await tx
      .update(loginTries)
      .set({ tries: one.by === "account" ? 0 : sql`GREATEST(${loginTries.tries} - 1, 0)` })
      .where(rowOf(one));
}

/** Deletes counts whose window has ended. @returns how many */
export async function pruneTries(deps: AuditDeps): Promise<number> {
  return matched(await deps.db.delete(loginTries).where(lte(loginTries.until, now)));
}
