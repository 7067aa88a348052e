import { and, eq, inArray, isNull } from "drizzle-orm";
import { now, type Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Planned } from "./places.ts";
import { reasonOf } from "./reasons.ts";
import { LEAD, MINUTE, type World } from "./world.ts";

const FOREVER = Number.POSITIVE_INFINITY;
const date = (ms: number) => new Date(ms);
const iso = (ms: number) => new Date(ms).toISOString();

function rowsOf({ entry, place }: Planned, now: number) {
  const startsAt = place?.startsAt ?? 0;
  return (place?.machines ?? []).map((machineId) => ({
    reservationId: entry.id,
    machineId,
    busyFrom: date(startsAt - (entry.fixed ? LEAD : 0)),
    startsAt: date(startsAt),
    endsAt: date((entry.fixed ? startsAt : Math.max(now, startsAt)) + entry.duration),
  }));
}

/** How many rows a statement inserts: a booking of the whole pool, again and again, has very many. */
const AT_ONCE = 1000;

/** Writes places that are new, and tells why a start moved later, or a booking lacks machines. */
export async function writePlaces(
  deps: ReservationsDeps,
  tx: Tx,
  world: World,
  planned: Planned[],
): Promise<void> {
  if (planned.length === 0) return;
  const ids = planned.map(({ entry }) => entry.id);
  await tx.delete(commitments).where(inArray(commitments.reservationId, ids));
  const rows = planned.flatMap((one) => rowsOf(one, world.now));
  for (let n = 0; n < rows.length; n += AT_ONCE)
    await tx.insert(commitments).values(rows.slice(n, n + AT_ONCE));
  for (const one of planned) await tell(deps, tx, world, one);
  await tellHolders(deps, tx, planned);
}

/** Tells those who hold machines that somebody waits for them; once. */
async function tellHolders(deps: ReservationsDeps, tx: Tx, planned: Planned[]): Promise<void> {
  const starts = new Map<string, number>();
  for (const { entry, place } of planned)
    if (!entry.fixed && place) for (const id of place.machines) starts.set(id, place.startsAt);
  if (starts.size === 0) return;
  const held = await tx
    .select({ machine: machines.id, holder: reservations.id })
    .from(machines)
    .innerJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(
      and(
        inArray(machines.id, [...starts.keys()]),
        eq(reservations.state, RESERVATION.active),
        isNull(reservations.wantedAt),
      ),
    );
  const first = new Map<string, number>();
  for (const { machine, holder } of held)
    first.set(holder, Math.min(first.get(holder) ?? FOREVER, starts.get(machine) ?? FOREVER));
  for (const [id, from] of first) {
    await tx.update(reservations).set({ wantedAt: now }).where(eq(reservations.id, id));
    await record(deps, tx, "reservation.wanted", id, { from: iso(from) });
  }
}

async function tell(deps: ReservationsDeps, tx: Tx, world: World, one: Planned): Promise<void> {
  const { entry, place, isShort } = one;
  const { id, told, row, fixed } = entry;
  const isLater = !fixed && told !== null && (place === null || place.startsAt > told.startsAt);
  const reason = isLater || isShort ? reasonOf(world, entry) : fixed ? null : row.delay;
  const startsAt = place?.startsAt ?? world.now;
  await tx
    .update(reservations)
    .set({
      ...(fixed
        ? {}
        : { startsAt: place && date(startsAt), endsAt: date(startsAt + row.durationMinutes * MINUTE) }),
      uncertain: place?.uncertain ?? false,
      delay: reason,
    })
    .where(eq(reservations.id, id));
  const names = (place?.machines ?? []).map((machine) => world.names.get(machine) ?? machine);
  if (isShort) await record(deps, tx, "reservation.short", id, { count: row.count, reason: reason ?? "" });
  else if (isLater)
    await record(deps, tx, "reservation.delayed", id, {
      told: iso(told.startsAt),
      starts_at: place && iso(place.startsAt),
      reason: reason ?? "",
    });
  else if (place)
    await record(deps, tx, "reservation.planned", id, { starts_at: iso(startsAt), machines: names });
}
