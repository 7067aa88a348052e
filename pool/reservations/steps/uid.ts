import { eq, sql } from "drizzle-orm";
import type { ResultSetHeader } from "mysql2";
import { type Tx, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { PoolError } from "../../errors.ts";
import { sweptSince } from "../../lifecycle/held_back.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";

/** The setting that holds the last uid given. */
const LAST = "last_uid";
/** The share of all uids that one user's reservations may hold back: no user may use up everyone's. */
const SHARE = 1 / 4;
/** By then, the scheduler has swept some more disks. */
const RETRY_AFTER_SECONDS = 60;

const howMany = ({ uids }: ReservationsDeps) => uids.last - uids.first + 1;

type Reader = Pick<Tx, "execute">;

async function rowOf<T>(tx: Reader, query: ReturnType<typeof sql>): Promise<T | undefined> {
  const [rows] = await tx.execute(query);
  return (rows as unknown as T[])[0];
}

/** A uid is held back until its reservation is over and every disk has been swept since. */
const heldBack = (row: "r" | "h", since: string) =>
  sql`(${sql.raw(row)}.ended_at IS NULL OR ${sql.raw(row)}.ended_at >= ${since})`;
const isUnused = (uid: ReturnType<typeof sql>, since: string) =>
  sql`NOT EXISTS (SELECT 1 FROM reservations h WHERE h.uid = ${uid} AND ${heldBack("h", since)})`;

/**
 * The next free uid after `after`, up to the end of the range, and then (with `around`) from its start; each part is read
 * only if needed.
 */
async function nextFree(
  { uids: { first, last } }: ReservationsDeps,
  tx: Reader,
  after: number,
  since: string,
  around = true,
): Promise<number | undefined> {
  // A free uid follows one that is held back, or is the first in the part that we search.
  const behind = (from: number, to: number) =>
    sql`(SELECT r.uid + 1 FROM reservations r FORCE INDEX (reservations_uid) WHERE r.uid >= ${from} AND r.uid < ${to}
      AND ${heldBack("r", since)} AND ${isUnused(sql`r.uid + 1`, since)} ORDER BY r.uid LIMIT 1)`;
  const itself = (uid: number) =>
    sql`(SELECT ${uid} FROM DUAL WHERE ${uid} <= ${last} AND ${isUnused(sql`${uid}`, since)})`;
  const again = around ? sql`, ${itself(first)}, ${behind(first, after)}` : sql``;
  const row = await rowOf<{ uid: number | null }>(
    tx,
    sql`SELECT COALESCE(${itself(after + 1)}, ${behind(after + 1, last)}${again}) AS uid`,
  );
  return row?.uid == null ? undefined : Number(row.uid);
}

/** @throws PoolError limit_reached for a user whose reservations already hold back their share of uids */
async function enforceShare(
  deps: ReservationsDeps,
  tx: Reader,
  userId: string,
  since: string,
): Promise<void> {
  const most = Math.floor(howMany(deps) * SHARE);
  const row = await rowOf<{ n: number }>(
    tx,
    sql`SELECT COUNT(*) AS n FROM reservations h WHERE h.user_id = ${userId} AND h.uid IS NOT NULL AND ${heldBack("h", since)}`,
  );
  if (Number(row?.n) < most) return;
  throw new PoolError(
    "limit_reached",
    `Your reservations have used ${most} user ids, the most that one user may between two sweeps of the machines' disks; sweeps run once a day, so try again later`,
  );
}

const readSince = async (tx: Reader) =>
  (await rowOf<{ at: string }>(tx, sql`SELECT CAST(${sweptSince} AS CHAR) AS at`))?.at ?? "";

/** The last uid given; one below the range if there was none, or if the range has changed since. */
async function lastGiven({ uids: { first, last } }: ReservationsDeps, tx: Reader): Promise<number> {
  const given = await rowOf<{ value: string }>(tx, sql`SELECT value FROM settings WHERE name = ${LAST}`);
  const uid = Number(given?.value);
  return uid >= first && uid <= last ? uid : first - 1;
}

const noneFree = () =>
  new PoolError(
    "no_uid_free",
    "Every user id has been used since the machines' disks were last swept; a sweep is under way, so try again later",
    [],
    RETRY_AFTER_SECONDS,
  );

/**
 * Refuses a reservation for which there is no uid, before locking anything that others wait for. (Two concurrent
 * requests of one user may both take the last of their share: the limit need not be exact.)
 * @param userId whose share it counts towards; null (an open API, the admin token): only the range is the limit
 * @throws PoolError no_uid_free, limit_reached
 */
export async function requireFreeUid(deps: ReservationsDeps, userId: string | null): Promise<void> {
  const since = await readSince(deps.db);
  if (userId !== null) await enforceShare(deps, deps.db, userId, since);
  if ((await nextFree(deps, deps.db, await lastGiven(deps, deps.db), since)) === undefined) throw noneFree();
}

/** Advances the counter by one. @returns its new value */
async function advance({ uids: { first, last }, side }: ReservationsDeps): Promise<number> {
  // The range may have changed since.
  const next = sql`IF(CAST(value AS UNSIGNED) BETWEEN ${first} AND ${last - 1}, CAST(value AS UNSIGNED) + 1, ${first})`;
  const [result] = await side.execute(
    sql`INSERT INTO settings (name, value) VALUES (${LAST}, LAST_INSERT_ID(${first}))
        ON DUPLICATE KEY UPDATE value = LAST_INSERT_ID(${next})`,
  );
  return (result as unknown as { insertId: number }).insertId;
}

/** Advances the counter to the next free uid. */
async function fromCounter(deps: ReservationsDeps, since: string): Promise<number> {
  for (;;) {
    const next = await advance(deps);
    const uid = await nextFree(deps, deps.side, next - 1, since);
    if (uid === undefined) throw noneFree();
    if (uid === next) return uid;
    // Skip those that are held back, unless another claim has just moved the counter.
    const [{ affectedRows }] = await deps.side.execute<ResultSetHeader>(
      sql`UPDATE settings SET value = ${uid} WHERE name = ${LAST} AND value = ${next}`,
    );
    if (affectedRows > 0) return uid;
  }
}

/**
 * Takes a uid for a reservation once its machines are taken: a refused request uses no uid. A freed uid is not reused at
 * once: the next holder would own the former holder's files, timers and shared memory. The counter wraps around only to
 * uids whose last reservation ended before the latest sweep of every disk.
 *
 * The counter moves outside the claim's transaction, because others would have to wait for that: a class that reserves
 * in the same second. So two claims may get the same uid when hardly any is free; the index on the uids of live
 * reservations accepts the first, and the other claim starts over.
 * @param taken the machines; if one of them remembers a higher uid, only this reservation skips past it
 * @param above the highest uid that machines named when they refused an earlier try for this reservation
 * @throws PoolError no_uid_free
 */
export async function takeUid(
  deps: ReservationsDeps,
  tx: Tx,
  taken: Machine[],
  above: number,
): Promise<number> {
  const { last } = deps.uids;
  // Read after the machines were taken: one of them may have been in quarantine until a moment ago.
  const since = await readSince(tx);
  const said = Math.max(above, ...taken.map(({ uidFloor }) => (uidFloor <= last ? uidFloor : 0)));
  // What one machine says affects only the uids given on that machine, never the counter.
  if (said > (await lastGiven(deps, deps.side))) {
    const uid = await nextFree(deps, tx, said, since, false);
    if (uid !== undefined) return uid;
  }
  return fromCounter(deps, since);
}

/**
 * Stores the uid that a machine names when it refuses one: its own record knows more than a database that was restored
 * from a dump.
 * @param highest the highest that it says it was given; 0: none of the pool's
 */
export async function raiseUidFloor(
  deps: ReservationsDeps,
  machine: Machine,
  highest: number,
): Promise<void> {
  await transact(deps.db, (tx) =>
    tx
      .update(machines)
      .set({ uidFloor: sql`GREATEST(${machines.uidFloor}, ${highest})` })
      .where(eq(machines.id, machine.id)),
  );
}

/**
 * Where the next try for a reservation starts after a machine refused a uid. Each try leaps further: after a restored
 * dump, the machine that comes next was also used next, and so refuses the very next uid.
 * @param said the highest uid that the machine named
 * @param tries the number of tries so far
 */
export function leapPast({ uids: { first, last } }: ReservationsDeps, said: number, tries: number): number {
  const leap = Math.ceil((last - first + 1) / 100) * 4 ** tries;
  return Math.max(said, Math.min(said + leap, last - 1));
}
