import { and, eq, type SQL, sql } from "drizzle-orm";
import { inSeconds, matched, now, type Tx, transact } from "../../db/client.ts";
import { type MachineState, machines } from "../../db/schema/pool.ts";
import type { LifecycleDeps } from "./deps.ts";
import { machineIn } from "./states.ts";
import type { Machine } from "./target.ts";

/**
 * A number higher than every one before it, even after the database was restored from an old dump or the machine was
 * registered again: the milliseconds of the database's clock, or one more than the last (a hybrid logical clock,
 * Kulkarni et al. 2014).
 */
export const firstGeneration = sql<number>`FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000)`;
const nextGeneration = sql<number>`GREATEST(${machines.generation} + 1, ${firstGeneration})`;

/** What a take-over writes: our lease, and a generation that outranks all older ones on the machine. */
export const ourLease = (deps: LifecycleDeps) => ({
  leaseWorker: deps.worker,
  leaseUntil: inSeconds(deps.leaseSeconds) as SQL,
  generation: nextGeneration,
});

export const leaseIsFree = sql`(${machines.leaseUntil} IS NULL OR ${machines.leaseUntil} < UTC_TIMESTAMP(3))`;

/** A condition: we still hold the machine; no other worker has taken it over. */
export const heldAs = (deps: LifecycleDeps, machine: Machine) =>
  and(
    eq(machines.id, machine.id),
    eq(machines.generation, machine.generation),
    eq(machines.leaseWorker, deps.worker),
  ) as SQL;

/**
 * Takes over a machine that no worker is on, by compare-and-set.
 * @param also runs in the same transaction
 * @returns its row with the new generation; undefined when another worker was first
 */
export function takeOver(
  deps: LifecycleDeps,
  seen: Machine,
  states: readonly MachineState[],
  also: (tx: Tx, machine: Machine) => Promise<void> = async () => {},
): Promise<Machine | undefined> {
  return transact(deps.db, async (tx) => {
    const won = matched(
      await tx
        .update(machines)
        .set(ourLease(deps))
        .where(
          and(
            eq(machines.id, seen.id),
            eq(machines.generation, seen.generation),
            machineIn(states),
            leaseIsFree,
          ),
        ),
    );
    if (won === 0) return undefined;
    const [machine] = await tx.select().from(machines).where(eq(machines.id, seen.id));
    if (machine) await also(tx, machine);
    return machine;
  });
}

export interface Keeper {
  /** aborted when the lease is lost: the step must stop */
  signal: AbortSignal;
  stop(): void;
}

/** Renews our lease on a machine every third of its length until stopped. */
export function keepLease(deps: LifecycleDeps, machine: Machine): Keeper {
  const lost = new AbortController();
  const third = (deps.leaseSeconds * 1000) / 3;
  let until = performance.now() + deps.leaseSeconds * 1000;
  const timer = setInterval(async () => {
    const asked = performance.now();
    try {
      const kept = matched(
        await deps.db
          .update(machines)
          .set({ leaseUntil: inSeconds(deps.leaseSeconds) })
          .where(and(heldAs(deps, machine), sql`${machines.leaseUntil} > ${now}`)),
      );
      if (kept === 0) lost.abort();
      else until = asked + deps.leaseSeconds * 1000;
    } catch {
      // A failed renewal doesn't lose the lease: it still runs until the time of the last successful one.
      if (performance.now() > until - third) lost.abort();
    }
  }, third);
  return { signal: lost.signal, stop: () => clearInterval(timer) };
}
