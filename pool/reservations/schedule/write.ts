import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import { now, type Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { eventOf, type NewEvent, recordAll } from "../../audit/events.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import { FOREVER } from "../../planning/profile.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Planned } from "./places.ts";
import { reasonOf } from "./reasons.ts";
import { type Entry, LEAD, MINUTE, type World } from "./world.ts";

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
/** How many reservations a statement changes. */
const TOLD_AT_ONCE = 200;

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
  for (let n = 0; n < planned.length; n += TOLD_AT_ONCE) {
    const told = planned.slice(n, n + TOLD_AT_ONCE).map((one) => tellingOf(deps, world, one));
    await writeTold(tx, told);
    await recordAll(
      tx,
      told.flatMap(({ event }) => event ?? []),
    );
  }
  await recordAll(tx, await tellHolders(deps, tx, planned));
}

/** Notes for those who hold machines that somebody waits for them; once. @returns what to record */
async function tellHolders(deps: ReservationsDeps, tx: Tx, planned: Planned[]): Promise<NewEvent[]> {
  const starts = new Map<string, number>();
  for (const { entry, place } of planned)
    if (!entry.fixed && place) for (const id of place.machines) starts.set(id, place.startsAt);
  if (starts.size === 0) return [];
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
  if (first.size === 0) return [];
  await tx
    .update(reservations)
    .set({ wantedAt: now })
    .where(inArray(reservations.id, [...first.keys()]));
  return [...first].map(([id, from]) => eventOf(deps, "reservation.wanted", id, { from: iso(from) }));
}

/** What a reservation's row says from now on, and the event that tells it. */
interface Telling {
  row: Pick<Entry["row"], "id" | "startsAt" | "endsAt" | "uncertain" | "delay">;
  event?: NewEvent;
}

function tellingOf(deps: ReservationsDeps, world: World, { entry, place, isShort }: Planned): Telling {
  const { id, told, row, fixed } = entry;
  const isLater = !fixed && told !== null && (place === null || place.startsAt > told.startsAt);
  const delay = isLater || isShort ? reasonOf(world, entry) : fixed ? null : row.delay;
  const reason = delay ?? "";
  const startsAt = place?.startsAt ?? world.now;
  const times = fixed
    ? { startsAt: row.startsAt, endsAt: row.endsAt }
    : { startsAt: place && date(startsAt), endsAt: date(startsAt + row.durationMinutes * MINUTE) };
  const said = { row: { id, ...times, uncertain: place?.uncertain ?? false, delay } };
  if (isShort)
    return { ...said, event: eventOf(deps, "reservation.short", id, { count: row.count, reason }) };
  if (isLater) {
    const details = { told: iso(told.startsAt), starts_at: place && iso(place.startsAt), reason };
    return { ...said, event: eventOf(deps, "reservation.delayed", id, details) };
  }
  if (!place) return said;
  const names = place.machines.map((machine) => world.byId.get(machine)?.name ?? machine);
  const details = { starts_at: iso(startsAt), machines: names };
  return { ...said, event: eventOf(deps, "reservation.planned", id, details) };
}

/** One statement for all: the transaction holds the plan's lock. */
async function writeTold(tx: Tx, told: Telling[]): Promise<void> {
  const each = (name: "startsAt" | "endsAt" | "uncertain" | "delay") => {
    const column = reservations[name];
    const whens = told.map(({ row }) => sql`WHEN ${row.id} THEN ${sql.param(row[name], column)}`);
    return sql`CASE ${reservations.id} ${sql.join(whens, sql` `)} END`;
  };
  await tx
    .update(reservations)
    .set({
      startsAt: each("startsAt"),
      endsAt: each("endsAt"),
      uncertain: each("uncertain"),
      delay: each("delay"),
    })
    .where(
      inArray(
        reservations.id,
        told.map(({ row }) => row.id),
      ),
    );
}
