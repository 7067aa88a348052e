import { and, asc, gt, inArray, lte, max, notInArray, or, sql } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import { reservations } from "../../db/schema/reservations.ts";
import type { AuditDeps } from "./deps.ts";
import type { EventRow } from "./events.ts";
import { cursorOf, LATEST_MS, type Seen, Tail } from "./tail.ts";

/** An event, and the user whose reservation it is about; null: nobody's. */
export interface Told {
  row: EventRow;
  userId: string | null;
}

export interface Follower {
  /** What happened, in order of its numbers; events that were committed late come later. @param cursor where to go on */
  see(told: Told[], cursor: string): void;
  /** So much has happened since its cursor that it should load everything again. */
  reset(cursor: string): void;
}

/** Who follows the events in this process. */
export interface Following {
  readonly followers: Set<Follower>;
  /** those who have yet to be told what happened since they were last here; undefined: from now on */
  readonly joining: Map<Follower, Seen | undefined>;
  tail: Tail | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export const newFollowing = (): Following => ({
  followers: new Set(),
  joining: new Map(),
  tail: undefined,
  timer: undefined,
});

type FollowDeps = Pick<AuditDeps, "db" | "log"> & { following: Following };

/** One question to the database for all who follow in this process. */
const EVERY_MS = 250;
/** While the database is away. */
const AWAY_MS = 1000;
const AT_ONCE = 1000;

/** Where the events end now, and which numbers before that may still be committed. */
async function readEnd({ db }: FollowDeps): Promise<Seen> {
  const since = sql`${now} - INTERVAL ${LATEST_MS / 1000} SECOND`;
  const [old] = await db
    .select({ id: max(events.id) })
    .from(events)
    .where(lte(events.at, since));
  const from = old?.id ?? 0;
  const rows = await db
    .select({ id: events.id })
    .from(events)
    .where(gt(events.id, from))
    .orderBy(asc(events.id));
  const tail = new Tail({ max: from, missing: [] }, 0);
  tail.take(
    rows.map(({ id }) => id),
    0,
  );
  return tail.seen;
}

async function withOwners({ db }: FollowDeps, rows: EventRow[]): Promise<Told[]> {
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

const above = (seen: Seen) =>
  or(gt(events.id, seen.max), seen.missing.length > 0 ? inArray(events.id, seen.missing) : undefined);

/** What happened between a follower's cursor and where the others are. */
async function catchUp(deps: FollowDeps, follower: Follower, from: Seen, end: Seen): Promise<void> {
  const rows = await deps.db
    .select()
    .from(events)
    .where(
      and(
        above(from),
        lte(events.id, end.max),
        // These come to all when they come.
        end.missing.length > 0 ? notInArray(events.id, end.missing) : undefined,
      ),
    )
    .orderBy(asc(events.id))
    .limit(AT_ONCE + 1);
  if (rows.length > AT_ONCE) follower.reset(cursorOf(end));
  else follower.see(await withOwners(deps, rows), cursorOf(end));
}

/** @returns whether there may be more at once */
async function lookOnce(deps: FollowDeps): Promise<boolean> {
  const { following, db } = deps;
  following.tail ??= new Tail(await readEnd(deps), performance.now());
  const { tail, followers, joining } = following;
  const rows = await db.select().from(events).where(above(tail.seen)).orderBy(asc(events.id)).limit(AT_ONCE);
  const told = await withOwners(deps, rows);
  // From here on nothing is waited for: whoever follows gets each event once.
  const fresh = new Set(
    tail.take(
      rows.map(({ id }) => id),
      performance.now(),
    ),
  );
  if (fresh.size > 0)
    for (const follower of followers)
      follower.see(
        told.filter(({ row }) => fresh.has(row.id)),
        cursorOf(tail.seen),
      );
  if (rows.length === AT_ONCE) return true;
  const end = tail.seen;
  for (const [follower, from] of joining) {
    if (from) await catchUp(deps, follower, from, end);
    else follower.see([], cursorOf(end));
    if (joining.delete(follower)) followers.add(follower);
  }
  return false;
}

async function look(deps: FollowDeps): Promise<void> {
  const { following } = deps;
  let pause = EVERY_MS;
  try {
    if (await lookOnce(deps)) pause = 0;
  } catch {
    // The next look goes on where this one began.
    pause = AWAY_MS;
  }
  following.timer = undefined;
  if (following.followers.size + following.joining.size > 0) lookAgain(deps, pause);
  // Whoever comes next begins at the end of that time.
  else following.tail = undefined;
}

function lookAgain(deps: FollowDeps, pause: number): void {
  deps.following.timer ??= setTimeout(() => void look(deps), pause);
}

/**
 * Follows the events as they are committed.
 * @param from where it was when it was last here; undefined: from now on
 * @returns ends it
 */
export function follow(deps: FollowDeps, follower: Follower, from?: Seen): () => void {
  const { followers, joining } = deps.following;
  joining.set(follower, from);
  lookAgain(deps, 0);
  return () => {
    joining.delete(follower);
    followers.delete(follower);
  };
}
