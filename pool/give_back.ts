import { and, eq, sql } from "drizzle-orm";
import { now, transact } from "../db/client.ts";
import { machines, reservations } from "../db/schema.ts";
import { clean } from "./clean.ts";
import type { PoolDeps } from "./deps.ts";
import { ourLease } from "./lease.ts";
import { endWhenEmpty } from "./settle.ts";

/**
 * Undoes a reservation that could not be prepared: its machines go to cleaning and those that answer are offered again
 * before this returns. When the database is gone too, `recover` does the same later.
 * @param reason for its row; without secrets
 */
export async function giveBack(deps: PoolDeps, id: string, reason: string): Promise<void> {
  const mine = await transact(deps.db, async (tx) => {
    await tx
      .update(reservations)
      .set({ state: "failed", reason: reason.slice(0, 500), idempotencyKey: null })
      .where(and(eq(reservations.id, id), sql`${reservations.state} IN ('preparing', 'ending')`));
    await tx
      .update(machines)
      .set({ ...ourLease(deps), state: "cleaning", since: now, retryAt: now })
      .where(
        and(
          eq(machines.reservationId, id),
          eq(machines.state, "preparing"),
          eq(machines.leaseOwner, deps.owner),
        ),
      );
    await endWhenEmpty(tx, id);
    return tx
      .select()
      .from(machines)
      .where(
        and(
          eq(machines.reservationId, id),
          eq(machines.state, "cleaning"),
          eq(machines.leaseOwner, deps.owner),
        ),
      );
  });
  await Promise.all(mine.map((machine) => clean(deps, machine)));
}
