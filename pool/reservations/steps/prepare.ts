import { eq } from "drizzle-orm";
import { reservations } from "../../../db/schema/reservations.ts";
import type { Credential } from "../../accounts/accounts.ts";
import { type FaultKind, MachineFault } from "../../accounts/faults.ts";
import { PoolError } from "../../errors.ts";
import { type Keeper, keepLease } from "../../lifecycle/lease.ts";
import { type Machine, targetOf } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "./allocate.ts";
import { openCredential } from "./credential.ts";
import { swap } from "./swap.ts";
import { raiseUidFloor } from "./uid.ts";

/** A reservation whose accounts exist. The mark keeps `confirm` from taking one that was only allocated. */
export interface Prepared extends Allocated {
  prepared: true;
}

/** The reservation's time starts when all accounts exist; the expiry that each account carries allows for that. */
const PREPARING_SECONDS = 120;

/** Faults in making an account that the request causes, not the machine. */
const CAUSED_BY_REQUEST: ReadonlySet<FaultKind> = new Set(["foreign_account", "refused", "uid_taken"]);

export const isOfRequest = (error: unknown) =>
  error instanceof MachineFault && CAUSED_BY_REQUEST.has(error.kind);

/** What the accounts are made with. @throws PoolError reservation_lost when it is erased: the reservation is over */
export async function credentialOf(deps: ReservationsDeps, id: string): Promise<Credential> {
  const [row] = await deps.db
    .select({ credential: reservations.credential })
    .from(reservations)
    .where(eq(reservations.id, id));
  if (!row?.credential)
    throw new PoolError("reservation_lost", "The reservation ended while it was being prepared; try again");
  return openCredential(deps, id, row.credential);
}

/** Makes the account on a machine, while our lease on it is kept. @returns its fault; undefined: the account is there */
export async function createOn(
  deps: ReservationsDeps,
  { id, username, uid, durationMinutes }: Allocated,
  credential: Credential,
  machine: Machine,
): Promise<MachineFault | undefined> {
  const account = { username, uid, mark: id };
  const seconds = durationMinutes * 60 + PREPARING_SECONDS;
  const keeper = keepLease(deps, machine);
  try {
    const target = await targetOf(deps, machine);
    await deps.accounts.create(target, machine.generation, account, credential, seconds, keeper.signal);
    return undefined;
  } catch (error) {
    if (error instanceof MachineFault) return error;
    throw error;
  } finally {
    keeper.stop();
  }
}

/** Makes the account on one machine, or on a replacement. @returns the machine that has it */
async function prepareOne(
  deps: ReservationsDeps,
  allocated: Allocated,
  credential: Credential,
  first: Machine,
  refused: Set<string>,
): Promise<Machine> {
  for (let machine = first; ; ) {
    const fault = await createOn(deps, allocated, credential, machine);
    if (!fault) return machine;
    deps.log("warn", "machine failed during preparation", {
      machine: machine.name,
      reservation: allocated.id,
      fault: fault.kind,
      reason: fault.message,
    });
    // A machine that also refuses a uid above the highest that it named is itself at fault.
    const lies = fault.kind === "uid_taken" && refused.has(machine.id);
    if (fault.kind === "uid_taken") {
      refused.add(machine.id);
      await raiseUidFloor(deps, machine, fault.highestUid);
    }
    // The request is at fault: every other machine would refuse it too, and be quarantined for it.
    if (isOfRequest(fault) && !lies) throw fault;
    const other = await swap(deps, allocated, machine, fault);
    if (!other) throw fault;
    machine = other;
  }
}

/**
 * Makes the account on all machines at once and swaps those that fail. Cleans nothing up when it throws. When it
 * returns, our leases still have most of their time left: confirm at once.
 * @param refused the machines that refused an earlier try's uid; those that refuse this one are added
 * @returns the same reservation, with the machines that it has now
 * @throws MachineFault; PoolError reservation_lost
 */
export async function prepare(
  deps: ReservationsDeps,
  allocated: Allocated,
  refused = new Set<string>(),
): Promise<Prepared> {
  const credential = await credentialOf(deps, allocated.id);
  // A machine that is ready waits for the slowest, which may be swapped more than once.
  const keepers: Keeper[] = [];
  const results = await Promise.allSettled(
    allocated.machines.map(async (machine) => {
      const ready = await prepareOne(deps, allocated, credential, machine, refused);
      keepers.push(keepLease(deps, ready));
      return ready;
    }),
  );
  for (const keeper of keepers) keeper.stop();
  const failed = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (failed.length > 0) throw failed.find(isOfRequest) ?? failed[0];
  const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return { ...allocated, machines: made, prepared: true };
}
