import { eq, sql } from "drizzle-orm";
import type { Tx } from "../db/client.ts";
import { machines, reservations, users } from "../db/schema.ts";
import type { PoolDeps } from "./deps.ts";
import { PoolError } from "./errors.ts";

/**
 * Holds a user to their limits, inside the transaction that claims: their row is locked, so that two requests at once
 * don't each see room for one more. Nobody's reservations (the admin token's, an open API's) have no limit of this kind.
 * @throws PoolError limit_reached, with the limit named
 */
export async function holdToLimits(
  deps: PoolDeps,
  tx: Tx,
  wish: { userId: string | null; count: number; durationMinutes: number },
): Promise<void> {
  if (wish.userId === null) return;
  const [user] = await tx.select().from(users).where(eq(users.id, wish.userId)).for("update");
  if (!user) throw new PoolError("user_not_found", "You were deleted a moment ago");
  const longest = user.maxDurationMinutes;
  if (longest !== null && wish.durationMinutes > longest)
    throw new PoolError("limit_reached", `You may reserve for at most ${longest} minutes`, [
      { field: "duration", message: `at most ${longest}` },
    ]);
  const most = user.maxMachines ?? deps.maxMachinesPerUser;
  if (user.maxMachines === null && most === 0) return;
  const [row] = await tx
    .select({ n: sql<number>`COUNT(*)`.mapWith(Number) })
    .from(machines)
    .innerJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(sql`${reservations.userId} = ${wish.userId} AND ${machines.state} IN ('preparing', 'reserved')`);
  const held = row?.n ?? 0;
  if (held + wish.count > most)
    throw new PoolError("limit_reached", `You may hold ${most} machines at once, and hold ${held}`, [
      { field: "count", message: `at most ${Math.max(0, most - held)} more` },
    ]);
}
