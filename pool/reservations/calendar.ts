import { and, asc, eq, inArray, ne, sql } from "drizzle-orm";
import { commitments } from "../../db/schema/calendar.ts";
import { users } from "../../db/schema/identity.ts";
import { machines } from "../../db/schema/pool.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { invalid } from "../errors.ts";
import { AHEAD, MACHINE, RESERVATION, reservationIn } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { ReservationsDeps } from "./deps.ts";

/** A time in which a machine is taken. */
export interface Entry {
  /** hold: somebody has it, or had it; booking and queue: it is promised */
  kind: "hold" | "booking" | "queue";
  id: string;
  username: string;
  user: string | null;
  userId: string | null;
  /** the series that it is an occurrence of */
  seriesId: string | null;
  startsAt: Date;
  endsAt: Date;
}

export interface CalendarRow {
  machine: string;
  entries: Entry[];
}

const DAY = 24 * 3600 * 1000;
/** The longest range, and the most entries of a page. */
const MOST_DAYS = 100;
const MOST_ENTRIES = 50_000;

/**
 * Who has which machine when, and who shall have it, by machine.
 * @param range entries that overlap it
 * @param names only these machines, those of them that there are; default: all
 * @throws PoolError invalid_request for a range that is empty or too long
 */
export async function listCalendar(
  deps: ReservationsDeps,
  { from, to }: { from: Date; to: Date },
  { limit, after }: PageInput,
  names?: string[],
): Promise<Page<CalendarRow>> {
  if (to <= from) throw invalid("to", "must be after `from`");
  if (to.getTime() - from.getTime() > MOST_DAYS * DAY)
    throw invalid("to", `at most ${MOST_DAYS} days after \`from\``);
  const found = await deps.db
    .select({ id: machines.id, machine: machines.name })
    .from(machines)
    .where(
      and(
        ne(machines.state, MACHINE.removing),
        names && inArray(machines.name, names),
        isAfter([machines.name], after),
      ),
    )
    .orderBy(asc(machines.name))
    .limit(limit + 1);
  const { rows, next } = pageOf(found, limit, ({ machine }) => [machine]);
  const ids = rows.map(({ id }) => id);
  const entries =
    ids.length === 0
      ? []
      : [...(await heldIn(deps, ids, from, to)), ...(await promisedIn(deps, ids, from, to))];
  if (entries.length > MOST_ENTRIES)
    throw invalid(
      "limit",
      `these machines have ${entries.length} entries; ask for fewer machines, or a shorter range`,
    );
  const byMachine = new Map<string, Entry[]>(ids.map((id) => [id, []]));
  for (const { machineId, ...entry } of entries) byMachine.get(machineId)?.push(entry);
  return {
    next,
    rows: rows.map(({ id, machine }) => ({
      machine,
      entries: (byMachine.get(id) ?? []).sort((a, b) => a.startsAt.getTime() - b.startsAt.getTime()),
    })),
  };
}

const WHO = {
  id: reservations.id,
  username: reservations.username,
  user: users.name,
  userId: reservations.userId,
  seriesId: reservations.seriesId,
};

async function heldIn({ db }: ReservationsDeps, ids: string[], from: Date, to: Date) {
  const startsAt = sql`COALESCE(${holds.confirmedAt}, ${holds.claimedAt})`;
  const endsAt = sql`COALESCE(${holds.endingAt}, ${holds.releasedAt}, ${reservations.endsAt})`;
  const rows = await db
    .select({
      ...WHO,
      machineId: holds.machineId,
      startsAt: startsAt.mapWith(holds.claimedAt),
      endsAt: endsAt.mapWith(holds.claimedAt),
    })
    .from(holds)
    .innerJoin(reservations, eq(reservations.id, holds.reservationId))
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(
      and(
        inArray(holds.machineId, ids),
        sql`${startsAt} < ${sql.param(to, holds.claimedAt)}`,
        sql`${endsAt} > ${sql.param(from, holds.claimedAt)}`,
      ),
    )
    .limit(MOST_ENTRIES + 1);
  return rows.map((row) => ({ ...row, kind: "hold" as const }));
}

async function promisedIn({ db }: ReservationsDeps, ids: string[], from: Date, to: Date) {
  const rows = await db
    .select({
      ...WHO,
      state: reservations.state,
      machineId: commitments.machineId,
      startsAt: commitments.startsAt,
      endsAt: commitments.endsAt,
    })
    .from(commitments)
    .innerJoin(reservations, eq(reservations.id, commitments.reservationId))
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(
      and(
        inArray(commitments.machineId, ids),
        reservationIn(AHEAD),
        sql`${commitments.startsAt} < ${sql.param(to, commitments.startsAt)}`,
        sql`${commitments.endsAt} > ${sql.param(from, commitments.startsAt)}`,
      ),
    )
    .limit(MOST_ENTRIES + 1);
  return rows.map(({ state, ...row }) => ({
    ...row,
    kind: state === RESERVATION.queued ? ("queue" as const) : ("booking" as const),
  }));
}
