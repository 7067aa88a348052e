import { eq } from "drizzle-orm";
import { now, type Tx } from "../../../db/client.ts";
import { series } from "../../../db/schema/series.ts";
import { record } from "../../audit/events.ts";
import { invalid, PoolError } from "../../errors.ts";
import { localTime } from "../../planning/recurrence.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceNumber } from "../limits/enforce.ts";
import { untilPinned } from "../schedule/book.ts";
import { withPlan } from "../schedule/lock.ts";
import { neverEnough } from "../schedule/never_enough.ts";
import { readClock } from "../schedule/world.ts";
import { type Admitted, admit, type ReserveInput } from "../steps/admit.ts";
import { sealCredential } from "../steps/credential.ts";
import { bookOccurrences, isoOf, type Outcome, tellConflicts } from "./occurrences.ts";
import { type Clock, horizonOf, lastOf, mostAtOnce, type SeriesRow, startsOf } from "./recall.ts";
import { idOf, isMade } from "./repeat.ts";
import { type SeriesDetails, viewSeries } from "./view.ts";

type OfReservation =
  | "username"
  | "count"
  | "durationMinutes"
  | "password"
  | "keys"
  | "where"
  | "machines"
  | "except"
  | "idempotencyKey";

export interface SeriesInput extends Pick<ReserveInput, OfReservation | "principal"> {
  /** RFC 5545 */
  rrule: string;
  /** local time: 2026-09-02T13:00 */
  startsLocal: string;
  timeZone: string;
  /** local dates on which it doesn't occur */
  exceptDates: string[];
  onConflict: SeriesRow["onConflict"];
}

/** @throws PoolError invalid_request */
export function admitSeries(deps: ReservationsDeps, input: SeriesInput): Admitted {
  const { rrule: _, startsLocal: __, timeZone: ___, exceptDates: ____, onConflict: _____, ...asked } = input;
  return admit(deps, asked);
}

/**
 * When a series occurs, as far ahead as can be booked.
 * @param at now, in ms since 1970
 * @throws PoolError invalid_request
 */
export function timesOf(deps: ReservationsDeps, input: SeriesInput, at: number) {
  const { rrule, startsLocal, timeZone, exceptDates, count } = input;
  const rule = { rrule, startsAt: startsLocal, timeZone, exceptDates };
  const endsAt = lastOf(rule, input.durationMinutes);
  const bookedUntil = new Date(horizonOf(deps, at));
  const times = startsOf(rule, at, bookedUntil.getTime());
  const isOver = endsAt !== null && endsAt <= bookedUntil;
  if (isOver && times.length === 0) throw invalid("rrule", "its last occurrence is over");
  const most = mostAtOnce(count);
  if (times.length > most)
    throw invalid(
      "rrule",
      `it occurs ${times.length} times in the next ${deps.bookAheadDays} days; at most ${most} occurrences of ${count} machine(s) can be booked at once`,
    );
  return { times, endsAt, bookedUntil, isOver };
}

/** Refuses a series for what can't be. @throws PoolError never_enough, conflict */
function enforceOutcome({ timeZone, onConflict, count }: SeriesInput, outcome: Outcome): void {
  const { matching, missing, booked, conflicts } = outcome;
  if (conflicts.length === 0 || (onConflict === "skip" && booked.length > 0)) return;
  if (matching < count)
    throw neverEnough(`The pool has no more than ${matching} machines that match`, count, matching, missing);
  throw new PoolError(
    "conflict",
    `${conflicts.length} of ${conflicts.length + booked.length} occurrences can't be booked; change the series${onConflict === "refuse" ? ", or leave them out with on_conflict: skip" : ""}`,
    conflicts.map(({ at, reason, nearest }) => ({
      field: "occurrences",
      message: `${localTime(at, timeZone)} in ${timeZone} (${isoOf(at)}): ${reason}`,
      starts_at: isoOf(at),
      nearest: nearest.map(isoOf),
    })),
  );
}

/** The columns of a new series that don't depend on its occurrences. */
function columnsOf(id: string, input: SeriesInput, { principal, wanted }: Admitted) {
  const { username, rrule, startsLocal, timeZone, durationMinutes, count, exceptDates, onConflict } = input;
  return {
    id,
    userId: principal.userId,
    username,
    rrule,
    startsLocal,
    timeZone,
    durationMinutes,
    count,
    whereLabels: wanted.where,
    onlyMachines: wanted.only && [...wanted.only],
    exceptMachines: wanted.except && [...wanted.except],
    exceptDates,
    onConflict,
    createdAt: now,
  };
}

/**
 * Makes a series and books its occurrences as far ahead as they can be: all of them or none; with `skip`, those that can
 * be. An Idempotency-Key that was used returns what it made.
 * @returns it with its occurrences, and what was left out
 * @throws PoolError conflict with the nearest starts of each, never_enough, limit_reached, invalid_request,
 * idempotency_key_reused
 */
export async function createSeries(
  deps: ReservationsDeps,
  input: SeriesInput,
  clock: Clock = readClock,
): Promise<SeriesDetails> {
  const { rrule, startsLocal, timeZone } = input;
  const admitted = admitSeries(deps, input);
  const id = idOf(admitted);
  const each = { ...admitted, idempotencyKey: null };
  const columns = columnsOf(id, input, admitted);
  if (await isMade(deps.db, id, columns)) return viewSeries(deps, id);
  const { times, endsAt, bookedUntil, isOver } = timesOf(deps, input, await clock(deps.db));
  const work = async (tx: Tx) => {
    // A request with the same Idempotency-Key may have held the lock before.
    if (await isMade(tx, id, columns)) return id;
    await enforceNumber(deps, tx, admitted, "booking", times.length);
    const outcome = await bookOccurrences(deps, tx, id, each, times, await clock(tx));
    enforceOutcome(input, outcome);
    const { credential } = admitted;
    await tx.insert(series).values({
      ...columns,
      // Nobody needs it any more once all occurrences are booked.
      credential: credential && !isOver ? await sealCredential(deps, tx, id, credential) : null,
      bookedUntil,
      endsAt,
    });
    await record(deps, tx, "series.created", id, {
      username: input.username,
      rrule,
      starts_at: startsLocal,
      time_zone: timeZone,
      booked: outcome.booked.length,
    });
    await tellConflicts(deps, tx, { id, timeZone }, outcome.conflicts);
    return id;
  };
  const readBack = async () => {
    const [row] = await deps.db.select({ id: series.id }).from(series).where(eq(series.id, id));
    return row?.id;
  };
  await untilPinned(() => withPlan(deps, work, readBack));
  return viewSeries(deps, id);
}
