import { eq } from "drizzle-orm";
import { now, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import { reservationMoves } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceLimits } from "../limits/enforce.ts";
import type { Admitted } from "./admit.ts";
import { unlessRepeated } from "./repeat.ts";
import { requestColumns } from "./request.ts";
import { endOf, take, untilSure } from "./take.ts";
import { requireFreeUid, takeUid } from "./uid.ts";
import type { Wanted } from "./wanted.ts";

/** A reservation in the database, with its machines leased to this worker; nothing has been done on a machine yet. */
export interface Allocated {
  id: string;
  username: string;
  durationMinutes: number;
  wanted: Wanted;
  machines: Machine[];
  /** of the account, the same on every machine */
  uid: number;
}

/**
 * Claims machines and a uid for a new reservation, in one short transaction: all or none. The credential is sealed in
 * its row until it is confirmed.
 * @param above a uid that a machine named in an earlier try: ours must come after it
 * @returns undefined when another request with the same Idempotency-Key was first
 * @throws PoolError not_enough_machines, limit_reached, no_uid_free
 */
export async function allocate(
  deps: ReservationsDeps,
  admitted: Admitted,
  above: number,
): Promise<Allocated | undefined> {
  const { principal, username, count, durationMinutes, wanted } = admitted;
  const { userId } = principal;
  const id = crypto.randomUUID();
  const claim = { reservationId: id, count, durationMinutes, wanted };
  const result = (taken: Machine[], uid: number) => ({
    id,
    username,
    durationMinutes,
    wanted,
    machines: taken,
    uid,
  });
  const readBack = async () => {
    const [row] = await deps.db.select().from(reservations).where(eq(reservations.id, id));
    const mine = await deps.db.select().from(machines).where(eq(machines.reservationId, id));
    return row?.uid != null && mine.length > 0 ? result(mine, row.uid) : undefined;
  };
  await requireFreeUid(deps, userId);
  const once = () =>
    transact(
      deps.db,
      async (tx) => {
        await enforceLimits(deps, tx, admitted, "at once");
        const request = await requestColumns(deps, tx, id, admitted);
        const taken = await take(deps, tx, claim);
        const names = taken.map(({ name }) => name);
        await record(deps, tx, "reservation.claimed", id, { username, machines: names });
        const uid = await takeUid(deps, tx, taken, above);
        await tx.insert(reservations).values({
          ...request,
          ...reservationMoves("allocate"),
          uid,
          startsAt: now,
          // Who is planned behind it meanwhile must not cut its time, which begins when its accounts work.
          endsAt: endOf(durationMinutes),
        });
        return result(taken, uid);
      },
      readBack,
    );
  return unlessRepeated(async () => {
    const got = await untilSure(deps, claim, once);
    if (typeof got !== "number") return got;
    throw new PoolError("not_enough_machines", `Only ${got} machines available`, [
      { field: "count", message: `${count} requested, ${got} available` },
    ]);
  });
}
