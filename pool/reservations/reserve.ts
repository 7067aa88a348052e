import { createHash, createHmac } from "node:crypto";
import { and, eq, sql } from "drizzle-orm";
import { inMinutes, matched, now, transact } from "../../db/client.ts";
import { DatabaseUnavailable, violates } from "../../db/errors.ts";
import { holds, machines, reservations } from "../../db/schema/pool.ts";
import type { Credential } from "../accounts/accounts.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { type FaultKind, MachineFault } from "../accounts/faults.ts";
import { isReservedName } from "../accounts/names.ts";
import { record } from "../audit/events.ts";
import { isUnavailable } from "../database.ts";
import { invalid, PoolError } from "../errors.ts";
import { digest, type Principal } from "../identity/principal.ts";
import { type Keeper, keepLease } from "../lifecycle/lease.ts";
import { type Machine, targetOf } from "../lifecycle/target.ts";
import { type Claimed, claim, swap } from "./claim.ts";
import type { ReservationsDeps } from "./deps.ts";
import { furtherOn, heardOfUid } from "./uid.ts";
import { giveBack } from "./undo.ts";
import { findByKey, type ReservationView, viewReservation } from "./view.ts";

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

export interface Granted extends ReservationView {
  /** only when it was made here */
  password?: string;
}

/** The time asked for begins when all accounts are there; the ends that they carry allow for that. */
const PREPARING_SECONDS = 120;

/**
 * A strong password (128 bits). It is computed from the reservation's id, so that a client that lost the answer and
 * asks again with its Idempotency-Key gets the same one, and nothing needs to be stored.
 */
function madePassword(key: string, id: string): string {
  const bytes = createHmac("sha256", Buffer.from(key, "base64")).update(`password ${id}`).digest();
  return bytes.subarray(0, 16).toString("base64url");
}

function hashOf(key: string, input: ReserveInput): string {
  const { idempotencyKey: _, principal: __, ...asked } = input;
  // Keyed, since a plain hash of a short password could be guessed from a copy of the database.
  return createHmac("sha256", Buffer.from(key, "base64"))
    .update(createHash("sha256").update(JSON.stringify(asked)).digest())
    .digest("hex");
}

/**
 * Reserves machines: books them, makes the account on every one, confirms. All or none.
 * @returns when the account works on all of them
 * @throws PoolError not_enough_machines, machines_unreachable, username_taken, account_refused, invalid_request, …
 */
export async function reserve(deps: ReservationsDeps, input: ReserveInput): Promise<Granted> {
  if (input.durationMinutes > deps.maxDurationMinutes)
    throw invalid("duration", `at most ${deps.maxDurationMinutes} minutes`);
  if (isReservedName(input.username))
    throw invalid("username", "the system's own on many machines, or of a group with rights; choose another");
  if (
    deps.accountNames === "own" &&
    input.principal.userName !== null &&
    input.username !== input.principal.userName
  )
    throw new PoolError(
      "account_name_not_allowed",
      `Your account's name must be yours here: ${input.principal.userName}`,
    );
  const secret = deps.keys.get(null) as string;
  // A key is its user's: another one's same key is another key.
  const key = input.idempotencyKey ? digest(`${input.principal.userId} ${input.idempotencyKey}`) : undefined;
  const makes = input.password === undefined && !input.keys;
  // SECRET_KEY may have been changed since the first request: what only the old one tells is not answered again.
  const again = async (): Promise<Granted | undefined> => {
    const found = await findByKey(deps, key, (keyId) => {
      const its = deps.keys.get(keyId);
      return its === undefined ? undefined : hashOf(its, input);
    });
    const its = found && deps.keys.get(found.keyId);
    return found && its && makes ? { ...found, password: madePassword(its, found.id) } : found;
  };
  const before = await again();
  if (before) return before;

  // A uid that a machine has seen before (the database was restored from a dump) is given up for a later one.
  let above = 0;
  const refused = new Set<string>();
  for (let tries = 0; ; tries++) {
    const id = crypto.randomUUID();
    let claimed: Claimed | number;
    try {
      claimed = await claim(deps, {
        id,
        username: input.username,
        above,
        count: input.count,
        durationMinutes: input.durationMinutes,
        userId: input.principal.userId,
        idempotencyKey: key ?? null,
        requestHash: key ? hashOf(secret, input) : null,
        keyId: deps.keys.ownId,
      });
    } catch (error) {
      if (!violates(error, "reservations_idempotency")) throw error;
      const other = await again();
      if (other) return other;
      continue;
    }
    if (typeof claimed === "number")
      throw new PoolError("not_enough_machines", `Only ${claimed} machines available`, [
        { field: "count", message: `${input.count} asked for, ${claimed} available` },
      ]);
    const password = input.password ?? madePassword(secret, id);
    const credential: Credential = input.keys
      ? { kind: "keys", keys: input.keys }
      : { kind: "password", password };
    let confirmed = false;
    try {
      await prepareAll(
        deps,
        { id, username: input.username },
        input.durationMinutes,
        claimed,
        credential,
        refused,
      );
      confirmed = true;
      const view = await viewReservation(deps, id);
      return makes ? { ...view, password } : view;
    } catch (error) {
      // Also when only the last look at what was confirmed failed: nobody was told, so nobody knows.
      const gone = isUnavailable(error);
      const unsure = gone && (confirmed || (error instanceof DatabaseUnavailable && error.doubt));
      const why =
        error instanceof MachineFault ? error : error instanceof PoolError ? error.message : "internal";
      const reason = gone ? "database" : why;
      // With a key the client can ask what became of it, and so a confirmation that landed stays.
      await giveBack(deps, id, reason, !input.idempotencyKey, gone);
      if (error instanceof MachineFault && error.kind === "uid_taken" && tries < 3) {
        above = furtherOn(deps, Math.max(above, error.highestUid), tries);
        continue;
      }
      if (unsure)
        throw new PoolError(
          "outcome_unknown",
          `The database went away while the reservation was confirmed; ${
            input.idempotencyKey
              ? "ask again with the same Idempotency-Key"
              : "/reservations tells what became of it"
          }`,
        );
      throw error instanceof MachineFault ? told(input, error) : error;
    }
  }
}

/** What a create fails with because of what was asked for, not because of the machine. */
const CAUSED_BY_REQUEST: ReadonlySet<FaultKind> = new Set(["foreign_account", "refused", "uid_taken"]);

/** What a caller is told of a machine's fault: only an admin in the machine's words. */
function told({ username, keys, principal }: ReserveInput, fault: MachineFault): PoolError {
  const words = principal.role === "admin" ? fault.message : FAULT_WORDS[fault.kind];
  if (fault.kind === "foreign_account")
    return new PoolError(
      "username_taken",
      `The account '${username}' exists on a machine and is not ours; choose another username`,
      [{ field: "username", message: words }],
    );
  if (fault.kind === "refused")
    return new PoolError(
      "account_refused",
      `A machine refuses this account; choose another username${keys ? "" : " or another password"}`,
      [{ field: keys ? "username" : "username, password", message: words }],
    );
  return new PoolError("machines_unreachable", `No machine could be prepared: ${words}`);
}

/**
 * Makes the account on all machines at once, swaps those that fail, and confirms. Leaves all as it is when it throws.
 * @param refused the machines that refused an earlier try's uid; gets those that refuse this one's
 */
async function prepareAll(
  deps: ReservationsDeps,
  who: { id: string; username: string },
  durationMinutes: number,
  { uid, machines: claimed }: Claimed,
  credential: Credential,
  refused: Set<string>,
): Promise<void> {
  const keepers: Keeper[] = [];
  const account = { username: who.username, uid, mark: who.id };
  const seconds = durationMinutes * 60 + PREPARING_SECONDS;

  const prepare = async (first: Machine): Promise<void> => {
    for (let machine = first; ; ) {
      const keeper = keepLease(deps, machine);
      keepers.push(keeper);
      try {
        await deps.accounts.create(
          await targetOf(deps, machine),
          machine.generation,
          account,
          credential,
          seconds,
          keeper.signal,
        );
        return;
      } catch (error) {
        if (!(error instanceof MachineFault)) throw error;
        deps.log("warn", "machine failed while it was prepared", {
          machine: machine.name,
          reservation: who.id,
          fault: error.kind,
          reason: error.message,
        });
        // One that refuses again, now what comes after the highest that it named, is at fault itself.
        const lies = error.kind === "uid_taken" && refused.has(machine.id);
        if (error.kind === "uid_taken") {
          refused.add(machine.id);
          await heardOfUid(deps, machine, error.highestUid);
        }
        // The request's own fault: the next machine would say the same, and each would be put aside for it.
        if (CAUSED_BY_REQUEST.has(error.kind) && !lies) throw error;
        keeper.stop();
        const other = await swap(deps, machine, error);
        if (!other) throw error;
        machine = other;
      }
    }
  };
  try {
    const results = await Promise.allSettled(claimed.map(prepare));
    const failed = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    if (failed.length > 0)
      throw failed.find((one) => one instanceof MachineFault && CAUSED_BY_REQUEST.has(one.kind)) ?? failed[0];
    await confirm(deps, who.id, claimed.length, durationMinutes);
  } finally {
    for (const keeper of keepers) keeper.stop();
  }
}

/** Commits that the accounts are there; the time that was asked for begins now. @throws PoolError when a lease was lost */
function confirm(deps: ReservationsDeps, id: string, count: number, durationMinutes: number): Promise<void> {
  return transact(deps.db, async (tx) => {
    const mine = matched(
      await tx
        .update(reservations)
        .set({ state: "active", endsAt: inMinutes(durationMinutes) })
        .where(and(eq(reservations.id, id), sql`${reservations.state} IN ('preparing', 'active')`)),
    );
    const ready = matched(
      await tx
        .update(machines)
        .set({ state: "reserved", since: now, leaseWorker: null, leaseUntil: null })
        .where(
          and(
            eq(machines.reservationId, id),
            sql`((${machines.state} = 'preparing' AND ${machines.leaseWorker} = ${deps.worker}) OR ${machines.state} = 'reserved')`,
          ),
        ),
    );
    if (mine !== 1 || ready !== count)
      throw new PoolError("reservation_lost", "The reservation was ended while it was prepared; ask again");
    await tx
      .update(holds)
      .set({ confirmedAt: now })
      .where(and(eq(holds.reservationId, id), sql`${holds.releasedAt} IS NULL`));
    await record(deps, tx, "reservation.confirmed", id, { machines: count, minutes: durationMinutes });
  });
}
