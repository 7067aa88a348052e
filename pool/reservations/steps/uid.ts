import { eq, sql } from "drizzle-orm";
import type { ResultSetHeader } from "mysql2";
import { type Tx, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { PoolError } from "../../errors.ts";
import { searchedSince } from "../../lifecycle/held_back.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";

/** The setting that holds the uid that was given last. */
const LAST = "last_uid";
/** The part of all uids that one user's reservations may hold back: the others' are not theirs to use up. */
const SHARE = 1 / 4;
/** By then a scheduler has searched some more disks. */
const COME_BACK_SECONDS = 60;

const howMany = ({ uids }: ReservationsDeps) => uids.last - uids.first + 1;

type Reader = Pick<Tx, "execute">;

async function rowOf<T>(tx: Reader, query: ReturnType<typeof sql>): Promise<T | undefined> {
  const [rows] = await tx.execute(query);
  return (rows as unknown as T[])[0];
}

/** A uid is held back while its reservation is not over, and until every disk was searched after that. */
const heldBack = (row: "r" | "h", since: string) =>
  sql`(${sql.raw(row)}.ended_at IS NULL OR ${sql.raw(row)}.ended_at >= ${since})`;
const nobodyHas = (uid: ReturnType<typeof sql>, since: string) =>
  sql`NOT EXISTS (SELECT 1 FROM reservations h WHERE h.uid = ${uid} AND ${heldBack("h", since)})`;

/**
 * The next free uid after `after`, up to the end, and then (when it may) from the beginning; each part is read only if it
 * has to be.
 */
async function nextFree(
  { uids: { first, last } }: ReservationsDeps,
  tx: Reader,
  after: number,
  since: string,
  around = true,
): Promise<number | undefined> {
  // A free one comes behind one that is held back, or is the first of where we look.
  const behind = (from: number, to: number) =>
    sql`(SELECT r.uid + 1 FROM reservations r FORCE INDEX (reservations_uid) WHERE r.uid >= ${from} AND r.uid < ${to}
      AND ${heldBack("r", since)} AND ${nobodyHas(sql`r.uid + 1`, since)} ORDER BY r.uid LIMIT 1)`;
  const itself = (uid: number) =>
    sql`(SELECT ${uid} FROM DUAL WHERE ${uid} <= ${last} AND ${nobodyHas(sql`${uid}`, since)})`;
  const again = around ? sql`, ${itself(first)}, ${behind(first, after)}` : sql``;
  const row = await rowOf<{ uid: number | null }>(
    tx,
    sql`SELECT COALESCE(${itself(after + 1)}, ${behind(after + 1, last)}${again}) AS uid`,
  );
  return row?.uid == null ? undefined : Number(row.uid);
}

/** @throws PoolError limit_reached for a user whose reservations hold back as many uids as one user may */
async function holdToShare(deps: ReservationsDeps, tx: Reader, userId: string, since: string): Promise<void> {
  const most = Math.floor(howMany(deps) * SHARE);
  const row = await rowOf<{ n: number }>(
    tx,
    sql`SELECT COUNT(*) AS n FROM reservations h WHERE h.user_id = ${userId} AND ${heldBack("h", since)}`,
  );
  if (Number(row?.n) < most) return;
  throw new PoolError(
    "limit_reached",
    `Your reservations used ${most} user ids, as many as one user may before the machines' disks were searched, which is done once a day; try again later`,
  );
}

const readSince = async (tx: Reader) =>
  (await rowOf<{ at: string }>(tx, sql`SELECT CAST(${searchedSince} AS CHAR) AS at`))?.at ?? "";

/** The uid that was given last; before the first one of the range when there was none, or another range was set since. */
async function lastGiven({ uids: { first, last } }: ReservationsDeps, tx: Reader): Promise<number> {
  const given = await rowOf<{ value: string }>(tx, sql`SELECT value FROM settings WHERE name = ${LAST}`);
  const uid = Number(given?.value);
  return uid >= first && uid <= last ? uid : first - 1;
}

const noneFree = () =>
  new PoolError(
    "no_uid_free",
    "Every user id was used since the machines' disks were last searched; that is done now, try again later",
    [],
    COME_BACK_SECONDS,
  );

/**
 * Refuses a reservation for which there is no uid, before anything is locked that others wait for. (Two requests of one
 * user at once may both take the last of their share: it is a bound on the many, not on the one.)
 * @param userId whose it is counted as; nobody's (an open API's, the admin token's) are bounded by the range alone
 * @throws PoolError no_uid_free, limit_reached
 */
export async function holdToUids(deps: ReservationsDeps, userId: string | null): Promise<void> {
  const since = await readSince(deps.db);
  if (userId !== null) await holdToShare(deps, deps.db, userId, since);
  if ((await nextFree(deps, deps.db, await lastGiven(deps, deps.db), since)) === undefined) throw noneFree();
}

/** Moves the counter on by one. @returns where it is now */
async function countOn({ uids: { first, last }, side }: ReservationsDeps): Promise<number> {
  // Another range may have been set since.
  const next = sql`IF(CAST(value AS UNSIGNED) BETWEEN ${first} AND ${last - 1}, CAST(value AS UNSIGNED) + 1, ${first})`;
  const [result] = await side.execute(
    sql`INSERT INTO settings (name, value) VALUES (${LAST}, LAST_INSERT_ID(${first}))
        ON DUPLICATE KEY UPDATE value = LAST_INSERT_ID(${next})`,
  );
  return (result as unknown as { insertId: number }).insertId;
}

/** The next uid of the counter that is free. */
async function fromCounter(deps: ReservationsDeps, since: string): Promise<number> {
  for (;;) {
    const next = await countOn(deps);
    const uid = await nextFree(deps, deps.side, next - 1, since);
    if (uid === undefined) throw noneFree();
    if (uid === next) return uid;
    // Past those that are held back, unless somebody else has just moved it.
    const [{ affectedRows }] = await deps.side.execute<ResultSetHeader>(
      sql`UPDATE settings SET value = ${uid} WHERE name = ${LAST} AND value = ${next}`,
    );
    if (affectedRows > 0) return uid;
  }
}

/**
 * Takes a uid for a reservation whose machines are taken: who is refused uses none up. A freed uid is not given again at
 * once: its former owner's files, timers and shared memory would be the next one's. After the last one come those again
 * whose last reservation ended before the newest search of every disk.
 *
 * The counter moves outside of the claim's transaction, which others would have to wait for: a class that asks in the
 * same second. So two may get one uid when hardly any is free; the index on the uids of reservations that are not over
 * lets the first one have it, and the other one's claim begins again.
 * @param taken the machines: what one of them says that it was given before is passed for it alone
 * @param above the same of machines that refused an earlier try for this reservation
 * @throws PoolError no_uid_free
 */
export async function takeUid(
  deps: ReservationsDeps,
  tx: Tx,
  taken: Machine[],
  above: number,
): Promise<number> {
  const { last } = deps.uids;
  // Read after the machines were taken: one of them may have been put aside until a moment ago.
  const since = await readSince(tx);
  const said = Math.max(above, ...taken.map(({ uidFloor }) => (uidFloor <= last ? uidFloor : 0)));
  // One machine's word moves only what is given on that machine.
  if (said > (await lastGiven(deps, deps.side))) {
    const uid = await nextFree(deps, tx, said, since, false);
    if (uid !== undefined) return uid;
  }
  return fromCounter(deps, since);
}

/**
 * Takes note of what a machine says when it refuses a uid: its own record knows more than a database that was restored
 * from a dump.
 * @param highest the highest that it says it was given; 0: none of the pool's
 */
export async function heardOfUid(deps: ReservationsDeps, machine: Machine, highest: number): Promise<void> {
  await transact(deps.db, (tx) =>
    tx
      .update(machines)
      .set({ uidFloor: sql`GREATEST(${machines.uidFloor}, ${highest})` })
      .where(eq(machines.id, machine.id)),
  );
}

/**
 * Where the next try for a reservation begins after a machine refused a uid. Each goes further: after a restored dump
 * the machine that is asked next was used next, too, and so refuses the very next uid.
 * @param said the highest uid that the machine named
 * @param tries how many there were before
 */
export function furtherOn({ uids: { first, last } }: ReservationsDeps, said: number, tries: number): number {
  const leap = Math.ceil((last - first + 1) / 100) * 4 ** tries;
  return Math.max(said, Math.min(said + leap, last - 1));
}
