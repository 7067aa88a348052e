import { eq } from "drizzle-orm";
import { now } from "../../../db/client.ts";
import { users } from "../../../db/schema/identity.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { countAhead, machinesOf, mostMachines, promisedTo } from "./usage.ts";

/** null: no limit */
export interface Allowance {
  most: number | null;
  left: number | null;
}

/** What a user may do, and what is left of it. */
export interface Allowances {
  machines: Allowance;
  queued: Allowance;
  booked: Allowance;
  /** of each reservation */
  extensions: number | null;
  durationMinutes: number;
  bookAheadDays: number;
}

const orNone = (most: number) => (most === 0 ? null : most);
const leftOf = (most: number | null, used: number): Allowance => ({
  most,
  left: most === null ? null : Math.max(0, most - used),
});

/** What a user may still do now. @param userId null: somebody without a user, who has no limits of their own */
export async function allowancesOf(deps: ReservationsDeps, userId: string | null): Promise<Allowances> {
  const { db, maxDurationMinutes, bookAheadDays } = deps;
  const common = { bookAheadDays, durationMinutes: maxDurationMinutes };
  const none = { most: null, left: null };
  const [user] = userId === null ? [] : await db.select().from(users).where(eq(users.id, userId));
  if (userId === null || !user)
    return { ...common, machines: none, queued: none, booked: none, extensions: null };
  const { held } = await machinesOf(db, userId);
  const ahead = await promisedTo(db, userId, now, now, false);
  return {
    ...common,
    durationMinutes: Math.min(maxDurationMinutes, user.maxDurationMinutes ?? maxDurationMinutes),
    machines: leftOf(mostMachines(user, deps.maxMachinesPerUser) ?? null, held + ahead),
    queued: leftOf(orNone(deps.maxQueued), await countAhead(db, userId, RESERVATION.queued)),
    booked: leftOf(orNone(deps.maxBooked), await countAhead(db, userId, RESERVATION.booked)),
    extensions: orNone(deps.maxExtensions),
  };
}
