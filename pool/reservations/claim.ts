import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { inMinutes, matched, now, type Tx, transact } from "../../db/client.ts";
import { violates } from "../../db/errors.ts";
import { holds, machines, reservations } from "../../db/schema/pool.ts";
import type { MachineFault } from "../accounts/faults.ts";
import { record } from "../audit/events.ts";
import { heldAs, ourLease } from "../lifecycle/lease.ts";
import { faultColumn, lockReservation } from "../lifecycle/settle.ts";
import type { Machine } from "../lifecycle/target.ts";
import type { ReservationsDeps } from "./deps.ts";
import { holdToLimits } from "./limits.ts";
import { holdToUids, takeUid } from "./uid.ts";

export interface Claim {
  id: string;
  userId: string | null;
  username: string;
  /** a uid that a machine of an earlier try named: ours comes after it */
  above: number;
  count: number;
  durationMinutes: number;
  idempotencyKey: string | null;
  requestHash: string | null;
  keyId: string;
}

export interface Claimed {
  machines: Machine[];
  /** of the account on all of them */
  uid: number;
}

class TooFew extends Error {
  readonly found: number;
  constructor(found: number) {
    super("too few machines");
    this.found = found;
  }
}

const offered = and(eq(machines.state, "available"), eq(machines.drained, false));

/** Machines that are offered right now. */
export async function countOffered(deps: ReservationsDeps): Promise<number> {
  const [row] = await deps.db.select({ n: sql<number>`COUNT(*)` }).from(machines).where(offered);
  return Number(row?.n ?? 0);
}

/** Takes `count` machines for a reservation inside a transaction: the ones that rested longest; all or TooFew. */
async function take(
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
  if (free.length < count) throw new TooFew(free.length);
  const ids = free.map((machine) => machine.id);
  await tx
    .update(machines)
    .set({ ...ourLease(deps), state: "preparing", since: now, reservationId })
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

/** How long a claim may look again while others, who then give up, hold the rows that it would need. */
const LOOK_AGAIN_MS = 2000;

/** Tries until there are surely too few: rows that another claim has locked are skipped, and may come free at once. */
async function untilSure<T>(
  deps: ReservationsDeps,
  count: number,
  attempt: () => Promise<T>,
): Promise<T | number> {
  const deadline = performance.now() + LOOK_AGAIN_MS;
  for (let looks = 1; ; looks++) {
    try {
      return await attempt();
    } catch (error) {
      // Another claim got that uid; ours gets the next one.
      if (violates(error, "reservations_live_uid") && performance.now() <= deadline) continue;
      if (!(error instanceof TooFew)) throw error;
      const offeredNow = await countOffered(deps);
      if (offeredNow < count || performance.now() > deadline) return Math.min(offeredNow, count - 1);
      // Longer and longer: a whole class that looks again takes the time from those who are being served.
      await new Promise((go) => setTimeout(go, Math.random() * Math.min(400, 50 * looks)));
    }
  }
}

/**
 * Books machines and a uid for a new reservation, in one short transaction: all or none.
 * @returns the machines, leased to us, and the uid; or how many there are when they are too few
 * @throws a duplicate-key error when the idempotency key is taken; PoolError
 */
export async function claim(deps: ReservationsDeps, { above, ...input }: Claim): Promise<Claimed | number> {
  const readBack = async () => {
    const [row] = await deps.db.select().from(reservations).where(eq(reservations.id, input.id));
    const mine = await deps.db.select().from(machines).where(eq(machines.reservationId, input.id));
    return row && mine.length > 0 ? { machines: mine, uid: row.uid } : undefined;
  };
  await holdToUids(deps, input.userId);
  return untilSure(deps, input.count, () =>
    transact(
      deps.db,
      async (tx) => {
        await holdToLimits(deps, tx, input);
        const taken = await take(deps, tx, input.id, input.count);
        const names = taken.map(({ name }) => name);
        await record(deps, tx, "reservation.claimed", input.id, {
          username: input.username,
          machines: names,
        });
        const uid = await takeUid(deps, tx, taken, above);
        await tx.insert(reservations).values({
          ...input,
          uid,
          state: "preparing",
          createdAt: now,
          endsAt: inMinutes(input.durationMinutes),
        });
        return { machines: taken, uid };
      },
      readBack,
    ),
  );
}

/**
 * Puts a machine that failed while it was prepared aside for cleaning and takes another in its place.
 * @returns the other one; undefined when there is none (then nothing was changed) or when ours was taken from us
 */
export async function swap(
  deps: ReservationsDeps,
  bad: Machine,
  fault: MachineFault,
): Promise<Machine | undefined> {
  const reservationId = bad.reservationId ?? "";
  const got = await untilSure(deps, 1, () =>
    transact(deps.db, async (tx) => {
      if ((await lockReservation(tx, reservationId))?.state !== "preparing") return [];
      const aside = matched(
        await tx
          .update(machines)
          .set({
            state: "cleaning",
            since: now,
            fault: faultColumn(fault),
            lastError: fault.message,
            retryAt: now,
            leaseWorker: null,
            leaseUntil: null,
          })
          .where(heldAs(deps, bad)),
      );
      if (aside === 0) return [];
      const other = await take(deps, tx, reservationId, 1);
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
