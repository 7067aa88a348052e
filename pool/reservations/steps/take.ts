import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { now, type Tx } from "../../../db/client.ts";
import { violates } from "../../../db/errors.ts";
import { holds, machines } from "../../../db/schema/pool.ts";
import { ourLease } from "../../lifecycle/lease.ts";
import { machineMay, machineMoves } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";

class TooFew extends Error {}

const offered = and(machineMay("claim"), eq(machines.drained, false));

/** The number of machines on offer right now. */
async function countOffered({ db }: ReservationsDeps): Promise<number> {
  const [row] = await db.select({ n: sql<number>`COUNT(*)` }).from(machines).where(offered);
  return Number(row?.n ?? 0);
}

/** Takes `count` machines for a reservation inside a transaction: those idle the longest; all or TooFew. */
export async function take(
  deps: ReservationsDeps,
  tx: Tx,
  reservationId: string,
  count: number,
): Promise<Machine[]> {
  const free = await tx
    .select({ id: machines.id, name: machines.name })
    .from(machines, { forceIndex: "machines_offer" })
    .where(offered)
    .orderBy(asc(machines.lastUsedAt), asc(machines.id))
    .limit(count)
    .for("update", { skipLocked: true });
  if (free.length < count) throw new TooFew("too few machines");
  const ids = free.map((machine) => machine.id);
  await tx
    .update(machines)
    .set({ ...ourLease(deps), ...machineMoves("claim"), reservationId })
    .where(inArray(machines.id, ids));
  await tx.insert(holds).values(
    free.map((machine) => ({
      id: crypto.randomUUID(),
      reservationId,
      machineId: machine.id,
      machineName: machine.name,
      claimedAt: now,
    })),
  );
  return tx.select().from(machines).where(inArray(machines.id, ids));
}

/** How long a claim retries while others, which may yet give up, have the rows that it needs locked. */
const RETRY_MS = 2000;

/**
 * Retries until there are certainly too few: rows that another claim has locked are skipped, and may be free a moment later.
 * @returns the result of `attempt`, or the number of machines if that is too low
 */
export async function untilSure<T>(
  deps: ReservationsDeps,
  count: number,
  attempt: () => Promise<T>,
): Promise<T | number> {
  const deadline = performance.now() + RETRY_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      // Another claim got that uid; ours takes the next one.
      if (violates(error, "reservations_live_uid") && performance.now() <= deadline) continue;
      if (!(error instanceof TooFew)) throw error;
      const offeredNow = await countOffered(deps);
      if (offeredNow < count || performance.now() > deadline) return Math.min(offeredNow, count - 1);
      // Increasing: a whole class retrying at once would slow down the requests being served.
      await new Promise((go) => setTimeout(go, Math.random() * Math.min(400, 50 * tries)));
    }
  }
}
