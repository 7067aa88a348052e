import { isDeepStrictEqual } from "node:util";
import { and, asc, eq, sql } from "drizzle-orm";
import { matched, now, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import type { Facts } from "../accounts/facts.ts";
import { MachineFault } from "../accounts/faults.ts";
import type { LifecycleDeps } from "./deps.ts";
import { quarantineColumns, recordFault, tellChange } from "./settle.ts";
import { machineMay } from "./states.ts";
import { type Machine, targetOf } from "./target.ts";

/** How often each offered machine is probed. */
const EVERY_SECONDS = 30;
const AT_ONCE = 10;

/** Stores what a machine says that it is, if that has changed; whatever cleaned it in the meantime knows better. */
async function keepFacts(deps: LifecycleDeps, machine: Machine, facts: Facts): Promise<void> {
  if (isDeepStrictEqual(facts, machine.facts)) return;
  const itself = and(eq(machines.id, machine.id), eq(machines.generation, machine.generation));
  if (matched(await deps.db.update(machines).set({ facts }).where(itself)) > 0) tellChange(deps);
}

/** With two schedulers, only the one that updates the time probes. @returns whether it is this one */
export async function claimProbe({ db }: Pick<LifecycleDeps, "db">, machine: Machine): Promise<boolean> {
  const asSeen = and(eq(machines.id, machine.id), eq(machines.probedAt, machine.probedAt));
  return matched(await db.update(machines).set({ probedAt: now }).where(asSeen)) > 0;
}

async function probeOne(deps: LifecycleDeps, machine: Machine): Promise<void> {
  if (!(await claimProbe(deps, machine))) return;
  try {
    const { accounts, facts } = await deps.accounts.look(await targetOf(deps, machine));
    // The database doesn't know of it (restored from an older dump, say): the machine must be cleaned first.
    if (accounts > 0)
      throw new MachineFault("leftovers", "it has one of our accounts that no reservation holds");
    await keepFacts(deps, machine, facts);
  } catch (error) {
    if (!(error instanceof MachineFault)) throw error;
    // Only if nobody claimed it in the meantime: a claim raises the generation.
    const out = await transact(deps.db, async (tx) => {
      const aside = matched(
        await tx
          .update(machines)
          .set({ ...quarantineColumns(error, 0), since: now })
          .where(
            and(
              eq(machines.id, machine.id),
              machineMay("failProbe"),
              eq(machines.generation, machine.generation),
            ),
          ),
      );
      if (aside > 0) await recordFault(deps, tx, machine, error);
      return aside;
    });
    if (out > 0) {
      tellChange(deps);
      deps.log(error.kind === "host_key" ? "error" : "warn", "offered machine failed a probe", {
        machine: machine.name,
        fault: error.kind,
        reason: error.message,
      });
    }
  }
}

/** Checks that offered machines answer and are still the same; one that fails is quarantined. @returns how many were due */
export async function probe(deps: LifecycleDeps): Promise<number> {
  const due = await deps.db
    .select()
    .from(machines)
    .where(
      and(
        machineMay("failProbe"),
        sql`${machines.probedAt} < UTC_TIMESTAMP(3) - INTERVAL ${EVERY_SECONDS} SECOND`,
      ),
    )
    .orderBy(asc(machines.probedAt))
    .limit(AT_ONCE);
  const all = await Promise.allSettled(due.map((machine) => probeOne(deps, machine)));
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return due.length;
}
