import { eq } from "drizzle-orm";
import { matched, now, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds } from "../../../db/schema/reservations.ts";
import type { MachineFault } from "../../accounts/faults.ts";
import { record } from "../../audit/events.ts";
import { heldAs } from "../../lifecycle/lease.ts";
import { faultColumn, lockReservation } from "../../lifecycle/settle.ts";
import { machineMoves, RESERVATION } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "./allocate.ts";
import { take, untilSure } from "./take.ts";

/**
 * Sends a machine that failed during preparation to cleaning and takes another in its slot.
 * @returns the replacement; undefined when there is none (then nothing was changed) or when ours was taken over
 */
export async function swap(
  deps: ReservationsDeps,
  { id: reservationId, durationMinutes, wanted }: Allocated,
  bad: Machine,
  fault: MachineFault,
): Promise<Machine | undefined> {
  const claim = { reservationId, count: 1, durationMinutes, wanted };
  const got = await untilSure(deps, claim, () =>
    transact(deps.db, async (tx) => {
      if ((await lockReservation(tx, reservationId))?.state !== RESERVATION.preparing) return [];
      const aside = matched(
        await tx
          .update(machines)
          .set({
            ...machineMoves("abandon"),
            fault: faultColumn(fault),
            lastError: fault.message,
            retryAt: now,
            leaseWorker: null,
            leaseUntil: null,
          })
          .where(heldAs(deps, bad)),
      );
      if (aside === 0) return [];
      const [its] = await tx.select().from(holds).where(eq(holds.liveMachine, bad.id));
      const other = await take(deps, tx, { ...claim, slot: its?.slot ?? 1 });
      await record(deps, tx, "reservation.swapped", reservationId, {
        machine: bad.name,
        fault: fault.kind,
        by: other[0]?.name,
      });
      return other;
    }),
  );
  return typeof got === "number" ? undefined : got[0];
}
