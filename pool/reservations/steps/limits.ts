import { and, eq, inArray, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { users } from "../../../db/schema/identity.ts";
import { type Fault, machines, reservations } from "../../../db/schema/pool.ts";
import { PoolError } from "../../errors.ts";
import { HELD, machineIn, UNCLEANED } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

/**
 * What keeps a machine from being cleaned that its holder can bring about. Not unreachable, auth, host_key and the like: a
 * machine that is switched off must not take its user's place away for days.
 */
const BY_ITS_HOLDER: Fault[] = ["leftovers", "foreign_account", "failed", "timeout"];

const had = machineIn(HELD);
/** Still theirs: on its way to be cleaned, or put aside for what its holder may have left there to stay. */
const uncleaned = and(
  machineIn(UNCLEANED),
  or(isNull(machines.fault), inArray(machines.fault, BY_ITS_HOLDER)),
) as SQL;

/**
 * Holds a user to their limits, inside the transaction that claims: their row is locked, so that two requests at once
 * don't each see room for one more. Nobody's reservations (the admin token's, an open API's) have no limit of this kind.
 * @throws PoolError limit_reached, with the limit named
 */
export async function holdToLimits(
  deps: ReservationsDeps,
  tx: Tx,
  input: { userId: string | null; count: number; durationMinutes: number },
): Promise<void> {
  if (input.userId === null) return;
  const [user] = await tx.select().from(users).where(eq(users.id, input.userId)).for("update");
  if (!user) throw new PoolError("user_not_found", "You were deleted a moment ago");
  const longest = user.maxDurationMinutes;
  if (longest !== null && input.durationMinutes > longest)
    throw new PoolError("limit_reached", `You may reserve for at most ${longest} minutes`, [
      { field: "duration", message: `at most ${longest}` },
    ]);
  const most = user.maxMachines ?? deps.maxMachinesPerUser;
  if (user.maxMachines === null && most === 0) return;
  const [row] = await tx
    .select({
      all: sql<number>`COUNT(*)`.mapWith(Number),
      uncleaned: sql<number>`COALESCE(SUM(${uncleaned}), 0)`.mapWith(Number),
    })
    .from(machines)
    .innerJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(and(eq(reservations.userId, input.userId), or(had, uncleaned)));
  const held = row?.all ?? 0;
  if (held + input.count <= most) return;
  const ofThem = row?.uncleaned
    ? ` (${row.uncleaned} of them released, and not clean yet: they count until what was left on them is gone)`
    : "";
  throw new PoolError("limit_reached", `You may hold ${most} machines at once, and hold ${held}${ofThem}`, [
    { field: "count", message: `at most ${Math.max(0, most - held)} more` },
  ]);
}
