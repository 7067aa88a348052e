import { and, eq, inArray, isNull } from "drizzle-orm";
import { matched, now, type Tx, transact } from "../../db/client.ts";
import type { Proof } from "../../db/schema/columns.ts";
import { machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { fingerprint, type Target } from "../accounts/connect.ts";
import { MachineFault } from "../accounts/faults.ts";
import { record } from "../audit/events.ts";
import type { LifecycleDeps } from "./deps.ts";
import { heldAs, keepLease, ourLease, takeOver } from "./lease.ts";
import { endWhenEmpty, offer, quarantine } from "./settle.ts";
import { MACHINE, machineMay, machineMoves, UNCLEANED } from "./states.ts";
import { type Machine, targetOf } from "./target.ts";
import { beginTurnaround } from "./turnaround.ts";

/**
 * Removes the holder's account and every orphaned one from a machine that we hold, with proof; learns its facts, and its
 * host key and identity if they aren't known yet. The caller decides what happens to its row.
 * @returns what the machine says that it removed
 * @throws MachineFault
 */
export async function cleanWith(deps: LifecycleDeps, machine: Machine, signal: AbortSignal): Promise<Proof> {
  const target = await targetOf(deps, machine);
  if (!target.hostKey || !machine.identity) {
    const identity = await lookFirst(deps, machine, target, signal);
    // Before touching anything: it may be in use under its other name.
    if (identity) await refuseDuplicate(deps, machine, identity);
  }
  const [holder] = machine.reservationId
    ? await deps.db.select().from(reservations).where(eq(reservations.id, machine.reservationId))
    : [];
  const account =
    holder?.uid != null ? { username: holder.username, uid: holder.uid, mark: holder.id } : null;
  const { identity, facts, proof } = await deps.accounts.clean(target, machine.generation, account, signal);
  Object.assign(machine, { identity, facts });
  return proof;
}

/**
 * Inspects a machine that we don't know yet. The first host key seen is pinned even if the login or the inspection
 * fails: otherwise each retry could send the password to a different host.
 * @returns its identity, which no other machine has
 */
async function lookFirst(deps: LifecycleDeps, machine: Machine, target: Target, signal: AbortSignal) {
  try {
    const { hostKey, identity } = await deps.accounts.look(target, signal);
    await keepHostKey(deps, machine, hostKey);
    target.hostKey = hostKey;
    return identity;
  } catch (error) {
    if (error instanceof MachineFault && error.hostKey) await keepHostKey(deps, machine, error.hostKey);
    throw error;
  }
}

/** Pins a host key unless there is one already: a known key, or one that an admin set in the meantime, takes precedence. */
async function keepHostKey(deps: LifecycleDeps, machine: Machine, hostKey: string): Promise<void> {
  if (machine.hostKey) return;
  const pinned = await transact(deps.db, async (tx) => {
    const learnt = matched(
      await tx
        .update(machines)
        .set({ hostKey })
        .where(and(heldAs(deps, machine), isNull(machines.hostKey))),
    );
    if (learnt > 0)
      await record(deps, tx, "machine.host_key_learnt", machine.name, { fingerprint: fingerprint(hostKey) });
    return (await tx.select().from(machines).where(eq(machines.id, machine.id)))[0]?.hostKey;
  });
  machine.hostKey = pinned ?? hostKey;
  if (pinned && pinned !== hostKey)
    throw new MachineFault(
      "host_key",
      `the host key is ${fingerprint(hostKey)}, but an admin has set a different one in the meantime`,
    );
}

/**
 * Cleans a machine that we hold (cleaning or quarantined), then offers it, or quarantines it with the reason.
 * @returns whether it is clean
 */
export async function clean(deps: LifecycleDeps, machine: Machine): Promise<boolean> {
  const keeper = keepLease(deps, machine);
  try {
    return await offer(deps, machine, await cleanWith(deps, machine, keeper.signal));
  } catch (error) {
    if (!(error instanceof MachineFault)) throw error;
    await quarantine(deps, machine, error);
    return false;
  } finally {
    keeper.stop();
  }
}

async function refuseDuplicate(deps: LifecycleDeps, machine: Machine, identity: string): Promise<void> {
  const [same] = await deps.db.select().from(machines).where(eq(machines.identity, identity));
  if (same && same.id !== machine.id)
    throw new MachineFault(
      "duplicate",
      `it is already in the pool as '${same.name}' (if it is a clone of that machine, remove /var/lib/machine-manager/id on it)`,
    );
}

/** Takes over a machine in cleaning or quarantine that no worker is on, and cleans it. */
export async function takeOverAndClean(deps: LifecycleDeps, seen: Machine): Promise<boolean> {
  const machine = await takeOver(deps, seen, UNCLEANED);
  return machine ? clean(deps, machine) : false;
}

/** The machines that a reservation still holds, in any state. */
export function machinesHeldBy(deps: LifecycleDeps, reservationId: string): Promise<Machine[]> {
  return deps.db.select().from(machines).where(eq(machines.reservationId, reservationId));
}

/**
 * Takes a reservation's machines for cleaning: `release` those in use, `abandon` those in preparation (only ours: another
 * worker undoes its own). In the transaction that ends it, or that releases some of them.
 * @param only these machines, by id; undefined: all
 * @returns the machines that we must clean now
 */
export async function takeForCleaning(
  deps: LifecycleDeps,
  tx: Tx,
  reservationId: string,
  moves: ("release" | "abandon")[],
  only?: string[],
): Promise<Machine[]> {
  const its = and(eq(machines.reservationId, reservationId), only && inArray(machines.id, only));
  const ours = eq(machines.leaseWorker, deps.worker);
  for (const move of moves)
    await tx
      .update(machines)
      .set({ ...ourLease(deps), ...machineMoves(move), retryAt: now })
      .where(and(its, machineMay(move), move === "abandon" ? ours : undefined));
  await beginTurnaround(tx, reservationId, only);
  await endWhenEmpty(tx, reservationId);
  return tx
    .select()
    .from(machines)
    .where(and(its, ours, eq(machines.state, MACHINE.cleaning)));
}
