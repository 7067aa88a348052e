import { and, asc, eq, sql } from "drizzle-orm";
import { matched, now, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds, reservations } from "../../../db/schema/reservations.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { record } from "../../audit/events.ts";
import { claimProbe } from "../../lifecycle/probe.ts";
import { faultColumn, lockReservation } from "../../lifecycle/settle.ts";
import { machineMay, machineMoves, RESERVATION } from "../../lifecycle/states.ts";
import { type Machine, targetOf } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import { slotName } from "../view.ts";

/** How often each held machine is probed whose reservation wants a replacement. */
const EVERY_SECONDS = 10;
const AT_ONCE = 10;

/** A condition: nothing has happened to the machine since it was read. */
const isAsSeen = ({ id, generation }: Machine) =>
  and(eq(machines.id, id), machineMay("release"), eq(machines.generation, generation));

/** Sets a broken machine aside, with its holder's account: it is cleaned when it answers again, and doesn't come back. */
async function setAside(deps: ReservationsDeps, machine: Machine, fault: MachineFault): Promise<void> {
  const { reservationId } = machine;
  if (reservationId === null) return;
  const done = await transact(deps.db, async (tx) => {
    if ((await lockReservation(tx, reservationId))?.state !== RESERVATION.active) return false;
    const aside = matched(
      await tx
        .update(machines)
        .set({
          ...machineMoves("release"),
          fault: faultColumn(fault),
          lastError: fault.message,
          retryAt: now,
          probeFailures: 0,
        })
        .where(isAsSeen(machine)),
    );
    if (aside === 0) return false;
    const its = eq(holds.liveMachine, machine.id);
    const [hold] = await tx.select().from(holds).where(its);
    await tx.update(holds).set({ lacking: true, endingAt: now }).where(its);
    await record(deps, tx, "reservation.machine_lost", reservationId, {
      machine: machine.name,
      slot: slotName(hold?.slot ?? 1),
      fault: fault.kind,
    });
    return true;
  });
  if (done)
    deps.log("warn", "a held machine broke, and is set aside", {
      machine: machine.name,
      reservation: reservationId,
      fault: fault.kind,
      reason: fault.message,
    });
}

async function probeOne(deps: ReservationsDeps, machine: Machine): Promise<void> {
  if (!(await claimProbe(deps, machine))) return;
  try {
    await deps.accounts.look(await targetOf(deps, machine));
    if (machine.probeFailures > 0)
      await deps.db.update(machines).set({ probeFailures: 0 }).where(isAsSeen(machine));
  } catch (error) {
    if (!(error instanceof MachineFault)) throw error;
    if (machine.probeFailures + 1 >= deps.replaceAfter) return setAside(deps, machine, error);
    await deps.db
      .update(machines)
      .set({ probeFailures: machine.probeFailures + 1 })
      .where(isAsSeen(machine));
  }
}

/**
 * Probes the held machines of reservations that want a replacement for one that breaks; sets those aside that have failed
 * often enough.
 * @returns how many were due
 */
export async function probeHeld(deps: ReservationsDeps): Promise<number> {
  const due = await deps.db
    .select({ machine: machines })
    .from(machines)
    .innerJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(
      and(
        machineMay("release"),
        eq(reservations.state, RESERVATION.active),
        eq(reservations.replace, true),
        sql`${machines.probedAt} < UTC_TIMESTAMP(3) - INTERVAL ${EVERY_SECONDS} SECOND`,
      ),
    )
    .orderBy(asc(machines.probedAt))
    .limit(AT_ONCE);
  const all = await Promise.allSettled(due.map(({ machine }) => probeOne(deps, machine)));
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return due.length;
}
