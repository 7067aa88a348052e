import { and, eq, inArray } from "drizzle-orm";
import { type Tx, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds, reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import { takeForCleaning } from "../../lifecycle/clean.ts";
import { lockReservation } from "../../lifecycle/settle.ts";
import { MACHINE, OVER, RESERVATION } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import { type Cleaned, endNow, finishRelease, readTaken } from "../release.ts";
import { ofUser, type Place, viewReservation } from "../view.ts";
import { askedOf, everHeld, type Held } from "./asked.ts";

export interface Reduced extends Cleaned {
  id: string;
  /** the machines that it still has; none: it is over, or waits for one that replaces its last */
  left: Place[];
  isOver: boolean;
}

/** The slots for which another machine is looked for, or is being prepared: theirs broke. */
async function lackingSlots(tx: Tx, id: string): Promise<number[]> {
  const its = and(eq(holds.reservationId, id), eq(holds.lacking, true));
  const rows = await tx.select({ slot: holds.slot }).from(holds).where(its);
  return rows.map(({ slot }) => slot);
}

/** Takes some machines of an active reservation for cleaning; [] when another request did, or there is nothing to clean. */
function beginReduce(deps: ReservationsDeps, id: string, asked: Held[]): Promise<Machine[]> {
  const only = asked.map((machine) => machine.id);
  return transact(
    deps.db,
    async (tx) => {
      if ((await lockReservation(tx, id))?.state !== RESERVATION.active) return [];
      const held = await tx
        .select({ id: machines.id, name: machines.name })
        .from(machines)
        .where(and(eq(machines.reservationId, id), eq(machines.state, MACHINE.reserved)));
      const going = held.filter((machine) => only.includes(machine.id));
      const lacking = await lackingSlots(tx, id);
      const given = asked.filter(({ slot, isLast }) => isLast && lacking.includes(slot));
      if (going.length + given.length === 0) return [];
      const slots = given.map(({ slot }) => slot);
      await tx
        .update(holds)
        .set({ lacking: false })
        .where(and(eq(holds.reservationId, id), inArray(holds.slot, slots)));
      const left = held.length - going.length;
      if (left === 0 && lacking.every((slot) => slots.includes(slot)))
        return endNow(deps, tx, id, "its last machine was released");
      await record(deps, tx, "reservation.reduced", id, {
        machines: [...going, ...given].map(({ name }) => name).sort(),
        left,
      });
      const ids = going.map((machine) => machine.id);
      return takeForCleaning(deps, tx, id, ["release"], ids);
    },
    async () => (await readTaken(deps, id))?.filter((machine) => only.includes(machine.id)),
  );
}

/**
 * Releases some machines of a reservation; one that broke gets no replacement then. With its last one, it ends. Calling it again changes nothing, and retries what
 * could not be cleaned.
 * @param asked names or slots
 * @param userId finds only this user's
 * @throws PoolError reservation_not_found, reservation_not_active, machine_not_found, invalid_request
 */
export async function reduce(
  deps: ReservationsDeps,
  id: string,
  asked: readonly string[],
  userId?: string,
): Promise<Reduced> {
  const [row] = await deps.db
    .select()
    .from(reservations)
    .where(and(eq(reservations.id, id), ofUser(userId)));
  if (!row) throw new PoolError("reservation_not_found", `There is no reservation '${id}'`);
  // One that is over has released them before: the request may be a repeat.
  if (row.state !== RESERVATION.active && !OVER.includes(row.state))
    throw new PoolError(
      "reservation_not_active",
      `The reservation is ${row.state}; single machines can be released only while it is active`,
    );
  const its = askedOf(await everHeld(deps, id), asked);
  const ids = its.map((machine) => machine.id);
  const begun = await beginReduce(deps, id, its);
  const cleaned = await finishRelease(deps, id, begun, its, (machine) => ids.includes(machine.id));
  const { machines: left, state } = await viewReservation(deps, id, userId);
  return { id, ...cleaned, left, isOver: OVER.includes(state) };
}
