import { createHash, createHmac } from "node:crypto";
import type { Credential } from "../../accounts/accounts.ts";
import { isReservedName } from "../../accounts/names.ts";
import { invalid, PoolError } from "../../errors.ts";
import { digest, type Principal } from "../../identity/principal.ts";
import type { ReservationsDeps } from "../deps.ts";
import { checkWanted, type Wanted } from "./wanted.ts";

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
  /** which machines it may have: a label expression, names, and names that it may not have */
  where?: string | undefined;
  machines?: string[] | undefined;
  except?: string[] | undefined;
  /** minutes that it may wait for machines; 0 or undefined: not at all */
  wait?: number | undefined;
  /** books it for that time; undefined: as soon as possible */
  startsAt?: Date | undefined;
  /** another machine takes the slot of one that breaks */
  replace?: boolean | undefined;
  /** a booking starts with so many if there are no more */
  minCount?: number | undefined;
  /** −10 to 10; who waits with a higher one comes first */
  priority?: number | undefined;
}

/** A request that the rules allow; `allocate` finds out whether there are machines for it. */
export interface Admitted {
  principal: Principal;
  username: string;
  count: number;
  durationMinutes: number;
  wanted: Wanted;
  waitMinutes: number;
  priority: number;
  /** null: as soon as possible */
  startsAt: Date | null;
  minCount: number | null;
  replace: boolean;
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
 * @throws PoolError invalid_request, account_name_not_allowed, admins_only
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
  const wanted = {
    where: input.where ?? null,
    only: input.machines ?? null,
    except: input.except ?? null,
  };
  checkWanted(wanted, count);
  const { wait: waitMinutes = 0, priority = 0 } = input;
  if (priority !== 0 && principal.role !== "admin")
    throw new PoolError("admins_only", "Only admins may give a priority");
  const { startsAt = null, minCount = null } = input;
  if (minCount !== null && minCount > count) throw invalid("min_count", "at most `count`");
  if (minCount !== null && !startsAt) throw invalid("min_count", "only with `starts_at`");
  if (startsAt && waitMinutes > 0) throw invalid("wait", "not with `starts_at`: a booking has its time");
  const text = createHash("sha256").update(JSON.stringify(asked)).digest();
  return {
    principal,
    username,
    count,
    durationMinutes,
    wanted,
    waitMinutes,
    priority,
    startsAt,
    minCount,
    replace: input.replace ?? false,
    credential: credentialOf(input),
    // Keys are per user: the same key from another user is a different key.
    idempotencyKey: idempotencyKey ? digest(`${principal.userId} ${idempotencyKey}`) : null,
    hash: (secretKey) => createHmac("sha256", Buffer.from(secretKey, "base64")).update(text).digest("hex"),
  };
}
