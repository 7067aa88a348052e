import { and, eq, inArray, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { users } from "../../../db/schema/identity.ts";
import { type Fault, machines, reservations } from "../../../db/schema/pool.ts";
import { PoolError } from "../../errors.ts";
import { HELD, machineIn, UNCLEANED } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

/**
 * Faults in cleaning that a machine's holder can cause. Not unreachable, auth, host_key and the like: a machine that is
 * switched off must not count against its user for days.
 */
const BY_ITS_HOLDER: Fault[] = ["leftovers", "foreign_account", "failed", "timeout"];

const had = machineIn(HELD);
/** Still counted as theirs: being cleaned, or quarantined for something that its holder may have left there on purpose. */
const uncleaned = and(
  machineIn(UNCLEANED),
  or(isNull(machines.fault), inArray(machines.fault, BY_ITS_HOLDER)),
) as SQL;

/**
 * Enforces a user's limits, inside the claim's transaction: their row is locked, so that two concurrent requests don't
 * each see room for one more. Reservations without a user (the admin token's, an open API's) have no such limits.
 * @throws PoolError limit_reached, naming the limit
 */
export async function enforceLimits(
  deps: ReservationsDeps,
  tx: Tx,
  input: { userId: string | null; count: number; durationMinutes: number },
): Promise<void> {
  if (input.userId === null) return;
  const [user] = await tx.select().from(users).where(eq(users.id, input.userId)).for("update");
  if (!user) throw new PoolError("user_not_found", "Your user was deleted a moment ago");
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
    ? ` (${row.uncleaned} of them released but not clean yet: they count until what was left on them is gone)`
    : "";
  throw new PoolError(
    "limit_reached",
    `You may hold ${most} machines at once, and you hold ${held}${ofThem}`,
    [{ field: "count", message: `at most ${Math.max(0, most - held)} more` }],
  );
}
