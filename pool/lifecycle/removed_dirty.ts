import { and, desc, eq, or, sql } from "drizzle-orm";
import { type Db, now, type Tx } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { removedDirty } from "../../db/schema/removed_dirty.ts";
import { reservations } from "../../db/schema/reservations.ts";
import type { LifecycleDeps } from "./deps.ts";
import { ONCE_CLEAN } from "./states.ts";
import type { Machine } from "./target.ts";

/** A machine that was removed from the pool by force although it could not be cleaned. */
export interface RemovedDirty {
  machine: string;
  removedAt: Date;
  /** why it could not be cleaned */
  reason: string;
  /** the account that may still be there */
  username: string | null;
}

/**
 * Remembers a machine that is removed dirty, in the transaction that removes it.
 * @param reason why it could not be cleaned
 */
export async function rememberDirty(tx: Tx, machine: Machine, reason: string): Promise<void> {
  const [holder] = machine.reservationId
    ? await tx.select().from(reservations).where(eq(reservations.id, machine.reservationId))
    : [];
  await tx.insert(removedDirty).values({
    id: crypto.randomUUID(),
    machineName: machine.name,
    address: machine.address,
    port: machine.port,
    hostKey: machine.hostKey,
    identity: machine.identity,
    username: holder?.username ?? null,
    uid: holder?.uid ?? null,
    reason: reason.slice(0, 500),
    removedAt: now,
  });
}

/** Whether a machine, recognised by its address, host key or own id, was once removed dirty. */
export async function dirtyBefore(
  db: Db | Tx,
  it: { address: string; port: number; hostKey: string | null; identity?: string | null },
): Promise<RemovedDirty | null> {
  const [row] = await db
    .select({
      machine: removedDirty.machineName,
      removedAt: removedDirty.removedAt,
      reason: removedDirty.reason,
      username: removedDirty.username,
    })
    .from(removedDirty)
    .where(
      or(
        and(eq(removedDirty.address, it.address), eq(removedDirty.port, it.port)),
        it.hostKey ? eq(removedDirty.hostKey, it.hostKey) : undefined,
        it.identity ? eq(removedDirty.identity, it.identity) : undefined,
      ),
    )
    .orderBy(desc(removedDirty.removedAt))
    .limit(1);
  return row ?? null;
}

/** Forgets those that are back in the pool and have been offered: they were proved clean. @returns how many */
export async function forgetCleaned(deps: LifecycleDeps): Promise<number> {
  const [{ affectedRows }] = await deps.db.execute(sql`
    DELETE u FROM ${removedDirty} u JOIN ${machines} m
      ON ((m.address = u.address AND m.port = u.port) OR m.host_key = u.host_key OR m.identity = u.identity)
     AND m.created_at > u.removed_at AND m.state IN ${ONCE_CLEAN}`);
  return affectedRows;
}
