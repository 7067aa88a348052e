import { inWords } from "../errors.ts";
import type { AuditDeps } from "./deps.ts";
import { cursorOf, type Seen, Tail } from "./tail.ts";
import { readEnd, readOn, readUnseen, type Told } from "./unseen.ts";

export interface Follower {
  /** What happened, in order of its numbers; events that were committed late come later. @param cursor where to go on */
  see(told: Told[], cursor: string): void;
  /** So much has happened since its cursor that it should load everything again. */
  reset(cursor: string): void;
}

/** Who follows the events in this process. */
export interface Following {
  readonly followers: Set<Follower>;
  /** those who have yet to be told what happened since they were last here; undefined: from the next look on */
  readonly joining: Map<Follower, Seen | undefined>;
  tail: Tail | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** the events can't be read at the moment */
  away: boolean;
}

export const newFollowing = (): Following => ({
  followers: new Set(),
  joining: new Map(),
  tail: undefined,
  timer: undefined,
  away: false,
});

type FollowDeps = Pick<AuditDeps, "db" | "log"> & { following: Following };

/** One question to the database for all who follow in this process. */
const EVERY_MS = 250;
/** While the database is away. */
const AWAY_MS = 1000;
const AT_ONCE = 1000;

type Tell = (follower: Follower) => void;

/** Tells each of them; one that can't be told any more must not keep the others from it. */
function tellAll({ following }: FollowDeps, all: Iterable<Follower>, tell: Tell): void {
  for (const follower of all)
    try {
      tell(follower);
    } catch {
      following.followers.delete(follower);
    }
}

/** What happened between a cursor and where the others are. */
async function catchUp(deps: FollowDeps, from: Seen | undefined, end: Seen): Promise<Tell> {
  const cursor = cursorOf(end);
  const none: Told[] = [];
  if (!from) return (follower) => follower.see(none, cursor);
  // Further on than the database is: it was restored from a backup.
  if (from.max > end.max) return (follower) => follower.reset(cursor);
  const told = await readUnseen(deps, from, AT_ONCE + 1, end);
  if (told.length > AT_ONCE) return (follower) => follower.reset(cursor);
  return (follower) => follower.see(told, cursor);
}

/** Lets those who are joining follow from here on. @param end as it was after they came */
async function letJoin(deps: FollowDeps, came: Map<Follower, Seen | undefined>, end: Seen): Promise<void> {
  const { followers, joining } = deps.following;
  // All readers of an API that was killed come back with the same cursor.
  const together = Map.groupBy(came, ([, from]) => from && cursorOf(from));
  for (const all of together.values()) {
    const tell = await catchUp(deps, all[0]?.[1], end);
    // Some may have left in the meantime.
    const here = all.map(([follower]) => follower).filter((follower) => joining.delete(follower));
    for (const follower of here) followers.add(follower);
    tellAll(deps, here, tell);
  }
}

/** @returns whether there may be more at once */
async function lookOnce(deps: FollowDeps): Promise<boolean> {
  const { following } = deps;
  // Whoever comes during this look may be further on than it gets to, at another API.
  const came = new Map(following.joining);
  following.tail ??= new Tail(await readEnd(deps), performance.now());
  const { tail, followers } = following;
  const asked = performance.now();
  const told = await readUnseen(deps, tail.seen, AT_ONCE);
  // From here on nothing is waited for: whoever follows gets each event once.
  const ids = told.map(({ row }) => row.id);
  const fresh = new Set(tail.take(ids, asked, performance.now()));
  const news = told.filter(({ row }) => fresh.has(row.id));
  const cursor = cursorOf(tail.seen);
  if (news.length > 0) tellAll(deps, followers, (follower) => follower.see(news, cursor));
  if (told.length === AT_ONCE) return true;
  await letJoin(deps, came, tail.seen);
  return following.joining.size > 0;
}

async function look(deps: FollowDeps): Promise<void> {
  const { following } = deps;
  let pause = EVERY_MS;
  try {
    if (await lookOnce(deps)) pause = 0;
    following.away = false;
  } catch (error) {
    // The next look goes on where this one began.
    pause = AWAY_MS;
    if (!following.away) deps.log("warn", "the events can't be read", { reason: inWords(error) });
    following.away = true;
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
 * From where somebody has to follow who was not here before, so that they miss nothing of what happens after this: the next
 * look may come later than what they read of the pool in the meantime.
 */
export async function startOf(deps: FollowDeps): Promise<Seen> {
  const { tail } = deps.following;
  return tail ? readOn(deps, tail.seen) : readEnd(deps);
}

/**
 * Follows the events as they are committed.
 * @param from where it was when it was last here, or `startOf`; undefined: from the next look on
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
