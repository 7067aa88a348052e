import { and, desc, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import { now, type Tx } from "../../db/client.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { MACHINE } from "./states.ts";
import type { Machine } from "./target.ts";

/** Until a machine has told its own, and at the least. */
const LEAST_MS = 5000;
/** Of how many removals. */
const LAST = 20;

/** The 95th percentile of removals, by nearest rank, and at least 5 s. @param took in ms */
export function turnaroundOf(took: readonly number[]): number {
  const sorted = took.toSorted((a, b) => a - b);
  return Math.max(LEAST_MS, Math.ceil(sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0));
}

/** A machine's turnaround, with the removal that ends now. One that went through a quarantine doesn't count. */
export async function readTurnaround(tx: Tx, { id, state }: Machine): Promise<number> {
  const took = sql`TIMESTAMPDIFF(MICROSECOND, ${holds.endingAt}, COALESCE(${holds.releasedAt}, ${now})) / 1000`;
  const rows = await tx
    .select({ took: took.mapWith(Number) })
    .from(holds)
    .where(
      and(
        eq(holds.machineId, id),
        isNotNull(holds.endingAt),
        eq(holds.quarantined, false),
        state === MACHINE.quarantined ? isNotNull(holds.releasedAt) : undefined,
      ),
    )
    .orderBy(desc(holds.claimedAt))
    .limit(LAST);
  return turnaroundOf(rows.map((row) => row.took));
}

/**
 * Records that the removals of a reservation begin: at its end, if its time was up before somebody noticed.
 * @param only on these machines, by id; undefined: on all
 */
export async function beginTurnaround(tx: Tx, reservationId: string, only?: string[]): Promise<void> {
  const end = sql`LEAST(${now}, (SELECT ends_at FROM ${reservations} WHERE ${reservations.id} = ${reservationId}))`;
  await tx
    .update(holds)
    .set({ endingAt: end })
    .where(
      and(
        eq(holds.reservationId, reservationId),
        only && inArray(holds.machineId, only),
        isNull(holds.releasedAt),
        isNull(holds.endingAt),
      ),
    );
}
