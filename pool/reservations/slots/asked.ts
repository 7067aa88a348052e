import { and, asc, eq, isNotNull } from "drizzle-orm";
import { holds } from "../../../db/schema/reservations.ts";
import { invalid, PoolError } from "../../errors.ts";
import type { ReservationsDeps } from "../deps.ts";
import { slotName } from "../view.ts";

/** A machine that a reservation has, or has had. */
export interface Held {
  id: string;
  name: string;
  slot: number;
  /** whether its slot has had no other machine since */
  isLast: boolean;
}

/** The machines on which the accounts of a reservation have worked, by slot; the last one of a slot comes last. */
export async function everHeld({ db }: ReservationsDeps, reservationId: string): Promise<Held[]> {
  const rows = await db
    .select({ id: holds.machineId, name: holds.machineName, slot: holds.slot })
    .from(holds)
    .where(and(eq(holds.reservationId, reservationId), isNotNull(holds.confirmedAt)))
    .orderBy(asc(holds.slot), asc(holds.claimedAt));
  return rows.map((row, n) => ({ ...row, isLast: rows[n + 1]?.slot !== row.slot }));
}

/**
 * The machines that a request means, by name or by slot; each one once.
 * @throws PoolError machine_not_found; invalid_request when it is one machine's name and another's slot
 */
export function askedOf(all: Held[], asked: readonly string[]): Held[] {
  const found = new Map<string, Held>();
  for (const one of asked) {
    const named = all.findLast(({ name }) => name === one);
    const placed = all.findLast(({ slot }) => slotName(slot) === one);
    if (named && placed && named.id !== placed.id)
      throw invalid(
        "machines",
        `'${one}' is a machine, and the slot of another one; use the slot ${slotName(named.slot)} or the name ${placed.name}`,
      );
    const its = named ?? placed;
    if (!its) {
      const has = all.filter(({ isLast }) => isLast).map(({ name, slot }) => `${slotName(slot)} (${name})`);
      throw new PoolError(
        "machine_not_found",
        `This reservation has no machine '${one}'; it has ${has.join(", ")}`,
        [{ field: "machines", message: `no machine '${one}'` }],
      );
    }
    found.set(its.id, its);
  }
  return [...found.values()];
}
