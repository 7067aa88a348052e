import { and, asc, eq, sql } from "drizzle-orm";
import { matched, now } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { MachineFault } from "../accounts/faults.ts";
import type { LifecycleDeps } from "./deps.ts";
import { uidsRunLow } from "./held_back.ts";
import { machineIn, SOUND } from "./states.ts";
import { targetOf } from "./target.ts";

/** Reading a whole disk is felt by the machine's user and by us: one after the other. */
const AT_ONCE = 1;
/** When uids run low, one run goes on to the next: still one after the other. */
const WHEN_LOW = 20;

/**
 * What was searched more than an hour ago is due now: only that frees uids. One that failed, and so is tried again within
 * an hour, waits for that.
 */
async function bringForward({ db }: LifecycleDeps): Promise<void> {
  await db
    .update(machines)
    .set({ sweepAt: now })
    .where(
      and(
        sql`${machines.sweepAt} > UTC_TIMESTAMP(3) + INTERVAL 1 HOUR`,
        sql`${machines.sweptAt} < UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`,
      ),
    );
}

/**
 * Searches the whole disk of a machine, once a day, for files that former holders left where a removal does not look.
 * It needs no lease: it carries the generation that the machine has, so that every later step ends it.
 * @returns how many machines were due
 */
export async function sweep(deps: LifecycleDeps): Promise<number> {
  const low = await uidsRunLow(deps);
  if (low) await bringForward(deps);
  const due = await deps.db
    .select()
    .from(machines)
    .where(and(machineIn(SOUND), sql`${machines.sweepAt} <= UTC_TIMESTAMP(3)`))
    .orderBy(asc(machines.sweepAt))
    .limit(low ? WHEN_LOW : AT_ONCE);
  for (const machine of due) {
    // Two schedulers: only the one that moves the time searches. A search that fails is tried again in an hour.
    const mine = matched(
      await deps.db
        .update(machines)
        .set({ sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL 1 HOUR` })
        .where(and(eq(machines.id, machine.id), eq(machines.sweepAt, machine.sweepAt))),
    );
    if (mine === 0) continue;
    const [clock] = await deps.db
      .select({ at: now.mapWith(machines.sweepAt) })
      .from(machines)
      .limit(1);
    try {
      const uids = await deps.accounts.sweep(
        await targetOf(deps, machine),
        machine.generation,
        machine.reservationId,
      );
      // As of its beginning: what was used since may be where it had looked already.
      await deps.db
        .update(machines)
        .set({
          uidFloor: 0,
          sweptAt: clock?.at ?? machine.sweptAt,
          sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL 1 DAY`,
        })
        .where(eq(machines.id, machine.id));
      deps.log("info", "disk searched for former holders' files", { machine: machine.name, uids });
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      deps.log("warn", "disk not searched", {
        machine: machine.name,
        fault: error.kind,
        reason: error.message,
      });
    }
  }
  return due.length;
}
