import { and, type Column, eq, gte, isNull, lt, type SQL, sql } from "drizzle-orm";
import { holds, RESERVATION_KIND, reservations } from "../../db/schema/reservations.ts";
import { RESERVATION } from "../lifecycle/states.ts";
import type { UsageDeps } from "./deps.ts";
import type { Past } from "./held.ts";
import type { Range } from "./range.ts";

/** Of the history at once: each statement takes milliseconds, also in a busy pool. */
const SLICE_MS = 6 * 3600 * 1000;

/** In ms since 1970: as numbers they cost half as much to read as as dates. */
const ms = (column: Column | SQL) =>
  sql<number | null>`TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${column}) DIV 1000`;
const instant = (at: number) => sql.param(new Date(at), reservations.endsAt);

const COLUMNS = {
  id: reservations.id,
  userId: reservations.userId,
  username: reservations.username,
  kind: reservations.kind,
  state: reservations.state,
  fault: reservations.fault,
  createdAt: ms(reservations.createdAt),
  startsAt: ms(reservations.startsAt),
  endsAt: ms(reservations.endsAt),
  machineId: holds.machineId,
  claimedAt: ms(holds.claimedAt),
  confirmedAt: ms(holds.confirmedAt),
  endingAt: ms(holds.endingAt),
  releasedAt: ms(holds.releasedAt),
};

async function read({ db }: UsageDeps, to: number, which: SQL | undefined): Promise<Map<string, Past>> {
  const rows = await db
    .select(COLUMNS)
    .from(reservations, { forceIndex: "reservations_ended" })
    .leftJoin(holds, eq(holds.reservationId, reservations.id))
    .where(and(which, lt(reservations.createdAt, instant(to))));
  const found = new Map<string, Past>();
  for (const { machineId, claimedAt, confirmedAt, endingAt, releasedAt, ...row } of rows) {
    let past = found.get(row.id);
    if (!past) {
      const { kind, state, createdAt, endsAt, ...same } = row;
      past = {
        ...same,
        isBooking: kind === RESERVATION_KIND.booking,
        hasFailed: state === RESERVATION.failed,
        createdAt: createdAt ?? 0,
        endsAt: endsAt ?? 0,
        holds: [],
      };
      found.set(row.id, past);
    }
    if (machineId !== null)
      past.holds.push({ machineId, claimedAt: claimedAt ?? 0, confirmedAt, endingAt, releasedAt });
  }
  return found;
}

/** The end of the first reservation that is in the history, in ms; undefined: there is none. */
async function oldestEnd({ db }: UsageDeps): Promise<number | undefined> {
  const [row] = await db.select({ at: ms(sql`MIN(${reservations.endedAt})`) }).from(reservations);
  return row?.at ?? undefined;
}

/** Every reservation that may have had a machine, waited, ended or failed in a range, once, slice by slice. */
export async function* readHistory(deps: UsageDeps, { from, to }: Range): AsyncGenerator<Past[]> {
  // These first: one that ends meanwhile is then found twice rather than not at all.
  const live = await read(deps, to, isNull(reservations.endedAt));
  yield [...live.values()];
  const { endedAt } = reservations;
  const fresh = (found: Map<string, Past>) => [...found.values()].filter(({ id }) => !live.has(id));
  const oldest = await oldestEnd(deps);
  if (oldest === undefined) return;
  for (let at = Math.max(from, oldest); at < to; at += SLICE_MS) {
    const its = and(gte(endedAt, instant(at)), lt(endedAt, instant(Math.min(at + SLICE_MS, to))));
    yield fresh(await read(deps, to, its));
  }
  // What was there at the end of the range: few, found in the index.
  yield fresh(await read(deps, to, gte(endedAt, instant(to))));
}
