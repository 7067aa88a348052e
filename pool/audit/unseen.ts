import { and, asc, desc, gt, inArray, lte, notInArray, or, sql } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import { reservations } from "../../db/schema/reservations.ts";
import type { AuditDeps } from "./deps.ts";
import type { EventRow } from "./events.ts";
import { LATEST_MS, type Seen, Tail } from "./tail.ts";

/** An event, and the user whose reservation it is about; null: no user's. */
export interface Told {
  row: EventRow;
  userId: string | null;
}

type ReadDeps = Pick<AuditDeps, "db">;

/** Where the events end now, and which numbers before that may still be committed. */
export async function readEnd({ db }: ReadDeps): Promise<Seen> {
  const since = sql`${now} - INTERVAL ${LATEST_MS / 1000} SECOND`;
  // (The highest number of that time would take a look at all of them.)
  const [old] = await db
    .select({ id: events.id })
    .from(events)
    .where(lte(events.at, since))
    .orderBy(desc(events.at), desc(events.id))
    .limit(1);
  return readOn({ db }, { max: old?.id ?? 0, missing: [] });
}

const isUnseen = ({ max, missing }: Seen) =>
  or(gt(events.id, max), missing.length > 0 ? inArray(events.id, missing) : undefined);

/** The same now: what has been committed since then is seen, too. */
export async function readOn({ db }: ReadDeps, from: Seen): Promise<Seen> {
  const rows = await db.select({ id: events.id }).from(events).where(isUnseen(from)).orderBy(asc(events.id));
  const tail = new Tail(from, 0);
  tail.take(
    rows.map(({ id }) => id),
    0,
  );
  return tail.seen;
}

async function withOwners({ db }: ReadDeps, rows: EventRow[]): Promise<Told[]> {
  const ids = [
    ...new Set(rows.filter(({ action }) => action.startsWith("reservation.")).map(({ object }) => object)),
  ];
  const owners =
    ids.length === 0
      ? []
      : await db
          .select({ id: reservations.id, userId: reservations.userId })
          .from(reservations)
          .where(inArray(reservations.id, ids));
  const userOf = new Map(owners.map(({ id, userId }) => [id, userId]));
  return rows.map((row) => ({ row, userId: userOf.get(row.object) ?? null }));
}

/**
 * What a reader has yet to see, in order of its numbers.
 * @param from where they are
 * @param end up to where; default: the end
 */
export async function readUnseen(
  deps: ReadDeps,
  from: Seen,
  most: number,
  end: Seen = { max: Number.MAX_SAFE_INTEGER, missing: [] },
): Promise<Told[]> {
  const rows = await deps.db
    .select()
    .from(events)
    .where(
      and(
        isUnseen(from),
        lte(events.id, end.max),
        end.missing.length > 0 ? notInArray(events.id, end.missing) : undefined,
      ),
    )
    .orderBy(asc(events.id))
    .limit(most);
  return withOwners(deps, rows);
}
