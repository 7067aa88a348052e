import { and, asc, eq } from "drizzle-orm";
import type { Counts, Proof } from "../../../db/schema/columns.ts";
import { holds, reservations } from "../../../db/schema/reservations.ts";
import { PoolError } from "../../errors.ts";
import { OVER } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { ofUser, slotName } from "../view.ts";

export type { Counts };

export interface MachineProof {
  slot: string;
  machine: string;
  /** null: it failed while the account was made */
  confirmedAt: Date | null;
  /** when its removal began, or it was lost; null: it hasn't, or (older ones) was repeated in a quarantine */
  endingAt: Date | null;
  /** when it was proved clean, or removed from the pool; null: it is not clean yet */
  releasedAt: Date | null;
  /** null: not clean yet, removed from the pool without being clean, or from before this was kept */
  proof: Proof | null;
}

/** What has become of a reservation's accounts. */
export interface ReservationProof {
  id: string;
  username: string;
  uid: number | null;
  /** when the last machine was clean; null: some are not yet */
  endedAt: Date | null;
  /** by slot; with those that failed in preparation, and that were replaced */
  machines: MachineProof[];
}

/**
 * What was ended and removed on each machine of a reservation that is over, with the machine's last word.
 * @param userId finds only this user's
 * @throws PoolError reservation_not_found, reservation_not_over
 */
export async function viewProof(
  { db }: ReservationsDeps,
  id: string,
  userId?: string,
): Promise<ReservationProof> {
  const [row] = await db
    .select()
    .from(reservations)
    .where(and(eq(reservations.id, id), ofUser(userId)));
  if (!row) throw new PoolError("reservation_not_found", `There is no reservation '${id}'`);
  if (!OVER.includes(row.state))
    throw new PoolError(
      "reservation_not_over",
      `The reservation is ${row.state}; what is removed of it can be shown once it is over`,
    );
  const machines = await db
    .select({
      slot: holds.slot,
      machine: holds.machineName,
      confirmedAt: holds.confirmedAt,
      endingAt: holds.endingAt,
      releasedAt: holds.releasedAt,
      proof: holds.proof,
    })
    .from(holds)
    .where(eq(holds.reservationId, id))
    .orderBy(asc(holds.slot), asc(holds.claimedAt), asc(holds.id));
  return {
    id,
    username: row.username,
    uid: row.uid,
    endedAt: row.endedAt,
    machines: machines.map((one) => ({ ...one, slot: slotName(one.slot) })),
  };
}
