import { createHash, createHmac } from "node:crypto";
import type { Credential } from "../../accounts/accounts.ts";
import { isReservedName } from "../../accounts/names.ts";
import { invalid, PoolError } from "../../errors.ts";
import { digest, type Principal } from "../../identity/principal.ts";
import type { ReservationsDeps } from "../deps.ts";

export interface ReserveInput {
  /** who is asking */
  principal: Principal;
  username: string;
  count: number;
  durationMinutes: number;
  /** undefined: a password is made */
  password?: string | undefined;
  keys?: string[] | undefined;
  idempotencyKey?: string | undefined;
}

/** A request that the rules allow; `allocate` finds out whether there are machines for it. */
export interface Admitted {
  principal: Principal;
  username: string;
  count: number;
  durationMinutes: number;
  /** null: a password is made for it */
  credential: Credential | null;
  /** null: none was given */
  idempotencyKey: string | null;
  /** a hash of the request, keyed with a SECRET_KEY: from a plain hash, a short password could be guessed */
  hash(secretKey: string): string;
}

function credentialOf({ keys, password }: ReserveInput): Credential | null {
  if (keys) return { kind: "keys", keys };
  return password === undefined ? null : { kind: "password", password };
}

/**
 * Checks a request against the rules that don't depend on the pool.
 * @throws PoolError invalid_request, account_name_not_allowed
 */
export function admit(deps: ReservationsDeps, input: ReserveInput): Admitted {
  const { idempotencyKey, principal, ...asked } = input;
  const { username, count, durationMinutes } = input;
  if (durationMinutes > deps.maxDurationMinutes)
    throw invalid("duration", `at most ${deps.maxDurationMinutes} minutes`);
  if (isReservedName(username))
    throw invalid(
      "username",
      "belongs to the system on many machines, or to a group with privileges; choose another",
    );
  if (deps.accountNames === "own" && principal.userName !== null && username !== principal.userName)
    throw new PoolError(
      "account_name_not_allowed",
      `Here your account must have your own name: ${principal.userName}`,
    );
  const text = createHash("sha256").update(JSON.stringify(asked)).digest();
  return {
    principal,
    username,
    count,
    durationMinutes,
    credential: credentialOf(input),
    // Keys are per user: the same key from another user is a different key.
    idempotencyKey: idempotencyKey ? digest(`${principal.userId} ${idempotencyKey}`) : null,
    hash: (secretKey) => createHmac("sha256", Buffer.from(secretKey, "base64")).update(text).digest("hex"),
  };
}
