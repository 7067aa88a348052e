import { createHash, createHmac } from "node:crypto";
import type { Credential } from "../../accounts/accounts.ts";
import { isReservedName } from "../../accounts/names.ts";
import { invalid, PoolError } from "../../errors.ts";
import { digest, type Principal } from "../../identity/principal.ts";
import type { ReservationsDeps } from "../deps.ts";

export interface ReserveInput {
  /** who asks */
  principal: Principal;
  username: string;
  count: number;
  durationMinutes: number;
  /** undefined: a password is made */
  password?: string | undefined;
  keys?: string[] | undefined;
  idempotencyKey?: string | undefined;
}

/** A request that the rules allow; whether there are machines for it is seen next. */
export interface Admitted {
  principal: Principal;
  username: string;
  count: number;
  durationMinutes: number;
  /** null: a password is made for it */
  credential: Credential | null;
  /** null: none was given */
  idempotencyKey: string | null;
  /** what was asked for, hashed with a SECRET_KEY: a plain hash of a short password could be guessed from a dump */
  hash(secretKey: string): string;
}

function credentialOf({ keys, password }: ReserveInput): Credential | null {
  if (keys) return { kind: "keys", keys };
  return password === undefined ? null : { kind: "password", password };
}

/**
 * Holds a request to the rules that need no look at the pool.
 * @throws PoolError invalid_request, account_name_not_allowed
 */
export function admit(deps: ReservationsDeps, input: ReserveInput): Admitted {
  const { idempotencyKey, principal, ...asked } = input;
  const { username, count, durationMinutes } = input;
  if (durationMinutes > deps.maxDurationMinutes)
    throw invalid("duration", `at most ${deps.maxDurationMinutes} minutes`);
  if (isReservedName(username))
    throw invalid("username", "the system's own on many machines, or of a group with rights; choose another");
  if (deps.accountNames === "own" && principal.userName !== null && username !== principal.userName)
    throw new PoolError(
      "account_name_not_allowed",
      `Your account's name must be yours here: ${principal.userName}`,
    );
  const text = createHash("sha256").update(JSON.stringify(asked)).digest();
  return {
    principal,
    username,
    count,
    durationMinutes,
    credential: credentialOf(input),
    // A key is its user's: another one's same key is another key.
    idempotencyKey: idempotencyKey ? digest(`${principal.userId} ${idempotencyKey}`) : null,
    hash: (secretKey) => createHmac("sha256", Buffer.from(secretKey, "base64")).update(text).digest("hex"),
  };
}
