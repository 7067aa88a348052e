import { and, asc, desc, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { type MachineState, machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { MACHINE, RESERVATION } from "../../lifecycle/states.ts";
import { labelsAndFacts } from "../../machines/labels.ts";
import type { Place, Waiting } from "../../planning/place.ts";
import type { PlanMachine } from "../../planning/profile.ts";
import { type Wanted, wants } from "../steps/wanted.ts";

/** What a plan is made from, at one moment. Times in ms since 1970, by the database's clock. */
export type Entry = Waiting & { row: Reservation };

export type WorldMachine = PlanMachine & { isFree: boolean };

export interface World {
  now: number;
  machines: WorldMachine[];
  byId: ReadonlyMap<string, WorldMachine>;
  /** with the machines that they are pinned to; the next first */
  bookings: Entry[];
  /** in its order */
  queue: Entry[];
}

type Reservation = typeof reservations.$inferSelect;
type Reader = Pick<Db | Tx, "select">;

export const MINUTE = 60_000;
/** How long before a booking's start its accounts are made. */
export const LEAD = MINUTE;
/** For starting and making the accounts: the reservation's time begins only then. */
export const SLACK = 2000;
/** When a quarantined machine has no time for its next try. */
const HOUR = 60 * MINUTE;

interface Row {
  state: MachineState;
  since: Date;
  retryAt: Date | null;
  turnaroundMs: number;
  endsAt: Date | null;
}

/** From when a machine is free of its holder. One that is overdue may be clean at any moment. */
function freeFrom({ state, since, retryAt, turnaroundMs, endsAt }: Row, at: number): number {
  if (state === MACHINE.available) return since.getTime();
  if (state === MACHINE.quarantined) return Math.max(at, (retryAt?.getTime() ?? at + HOUR) + turnaroundMs);
  // Its time may have been up before somebody noticed, and the turnaround counts from then.
  const over = state === MACHINE.cleaning && !(endsAt && endsAt < since) ? since : endsAt;
  return Math.max(at, (over ?? since).getTime() + turnaroundMs);
}

/** So many rows are read at once: a process that reads thousands answers its requests in between. */
const PAGE = 500;

/** Every machine that may be offered again. @param which only these */
export async function readMachines(tx: Reader, at: number, which?: SQL): Promise<WorldMachine[]> {
  const all: WorldMachine[] = [];
  for (let last = ""; ; ) {
    const page = await readPage(tx, at, and(which, gt(machines.id, last)));
    all.push(...page);
    if (page.length < PAGE) return all;
    last = page.at(-1)?.id ?? "";
  }
}

async function readPage(tx: Reader, at: number, which: SQL | undefined): Promise<WorldMachine[]> {
  const rows = await tx
    .select({
      id: machines.id,
      name: machines.name,
      labels: machines.labels,
      facts: machines.facts,
      state: machines.state,
      since: machines.since,
      fault: machines.fault,
      retryAt: machines.retryAt,
      turnaroundMs: machines.turnaroundMs,
      endsAt:
        sql`GREATEST(${reservations.endsAt}, COALESCE(${reservations.extendTo}, ${reservations.endsAt}))`.mapWith(
          reservations.endsAt,
        ),
    })
    .from(machines)
    .leftJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(and(eq(machines.drained, false), sql`${machines.state} <> ${MACHINE.removing}`, which))
    .orderBy(asc(machines.id))
    .limit(PAGE);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    labels: labelsAndFacts(row),
    freeFrom: freeFrom(row, at),
    turnaround: row.turnaroundMs,
    // In cleaning with a fault: it failed while it was prepared.
    uncertain: row.state === MACHINE.quarantined || (row.state === MACHINE.cleaning && row.fault !== null),
    isFree: row.state === MACHINE.available,
  }));
}

export const wantedOf = (row: Reservation): Wanted => ({
  where: row.whereLabels,
  only: row.onlyMachines,
  except: row.exceptMachines,
});

/** The reservations that wait, in the queue's order: by priority, then the first to come. */
export const inOrder = [desc(reservations.priority), asc(reservations.createdAt), asc(reservations.id)];

/** How long a plan keeps machines for a reservation. A booking that starts late still ends at its end. */
export function durationOf(minutes: number, fixed: boolean) {
  const duration = minutes * MINUTE;
  return fixed ? { duration, slack: duration } : { duration: duration + SLACK, slack: SLACK };
}

/** The reservations that haven't started: bookings, or the queue. */
async function readAhead(tx: Reader, at: number, fixed: boolean, lock: boolean): Promise<Entry[]> {
  const query = tx
    .select()
    .from(reservations)
    .where(eq(reservations.state, fixed ? RESERVATION.booked : RESERVATION.queued))
    .orderBy(...(fixed ? [asc(reservations.startsAt), asc(reservations.id)] : inOrder));
  const rows = await (lock ? query.for("update") : query);
  const told = await readPlaces(
    tx,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    // A booking may have lost all of its machines; its start stands.
    const ids = told.get(row.id) ?? (fixed ? [] : undefined);
    const place: Place | null =
      ids && row.startsAt
        ? { startsAt: row.startsAt.getTime(), machines: ids, uncertain: row.uncertain }
        : null;
    return {
      row,
      id: row.id,
      count: row.count,
      ...durationOf(row.durationMinutes, fixed),
      matches: wants(wantedOf(row)),
      ...(fixed ? bookedAt(row.startsAt?.getTime() ?? at, at) : { floor: row.notBefore?.getTime() ?? 0 }),
      told: place,
    };
  });
}

/** A booking's start in the plan; its machines are prepared in the time before it. */
export const bookedAt = (startsAt: number, at: number) => ({
  floor: startsAt,
  fixed: true,
  lead: Math.max(0, Math.min(LEAD, startsAt - at)),
});

/** The machines that are promised to reservations, by reservation. */
async function readPlaces(tx: Reader, ids: string[]): Promise<Map<string, string[]>> {
  const places = new Map<string, string[]>();
  if (ids.length === 0) return places;
  const rows = await tx
    .select({ id: commitments.reservationId, machine: commitments.machineId })
    .from(commitments)
    .where(inArray(commitments.reservationId, ids));
  for (const { id, machine } of rows) places.set(id, [...(places.get(id) ?? []), machine]);
  return places;
}

/** The database's time, in ms. */
export async function readClock(tx: Pick<Db | Tx, "execute">): Promise<number> {
  const [rows] = await tx.execute(sql`SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS at`);
  return Math.round(Number((rows as unknown as [{ at: string }])[0].at));
}

/**
 * Reads everything that the plan depends on.
 * @param lock the reservations: none of them may end while it is given a place
 */
export async function readWorld(tx: Reader & Pick<Db | Tx, "execute">, lock = false): Promise<World> {
  const at = await readClock(tx);
  const all = await readMachines(tx, at);
  return {
    now: at,
    machines: all,
    byId: new Map(all.map((machine) => [machine.id, machine])),
    bookings: await readAhead(tx, at, true, lock),
    queue: await readAhead(tx, at, false, lock),
  };
}
