import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import { now, type Tx } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import { invalid } from "../errors.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import { type Between, idsBetween, isBetween } from "./between.ts";
import type { Action, Details } from "./catalogue.ts";
import type { AuditDeps } from "./deps.ts";

type What<A extends Action> = Details[A] extends Record<string, never> ? [] : [details: Details[A]];

/** The columns of an event on behalf of `deps.actor`. */
export function eventOf<A extends Action>(
  { actor }: Pick<AuditDeps, "actor">,
  action: A,
  object: string,
  ...[details]: What<A>
) {
  const { name, address, requestId } = actor;
  return { at: now, actor: name, address, requestId, action, object, details: { ...details } };
}

/** Those that are going to be undone. */
const undone = new WeakSet<Tx>();

/**
 * Records nothing in a transaction that is going to be undone: an event that never comes leaves a number out, and those who
 * follow the events look for it for a while.
 */
export const recordNothing = (tx: Tx): void => void undone.add(tx);

/**
 * Records a change in its own transaction: no record, no change.
 * @param object the id or name of what was changed
 */
export async function record<A extends Action>(
  deps: Pick<AuditDeps, "actor">,
  tx: Tx,
  action: A,
  object: string,
  ...details: What<A>
): Promise<void> {
  await recordAll(tx, [eventOf(deps, action, object, ...details)]);
}

export type NewEvent = ReturnType<typeof eventOf>;

/** Records many changes of one transaction with one statement, in their order. */
export async function recordAll(tx: Tx, all: NewEvent[]): Promise<void> {
  if (all.length > 0 && !undone.has(tx)) await tx.insert(events).values(all);
}

export interface EventFilter extends Between {
  actor?: string | undefined;
  action?: string | undefined;
  object?: string | undefined;
}

export type EventRow = typeof events.$inferSelect;

/** A condition: the event is one of those asked for. @throws PoolError invalid_request for a time that is empty */
async function matching(
  deps: AuditDeps,
  { actor, action, object, ...between }: EventFilter,
): Promise<SQL | undefined> {
  const { from, to } = between;
  if (from && to && to <= from) throw invalid("to", "must be after `from`");
  return and(
    actor === undefined ? undefined : eq(events.actor, actor),
    action === undefined ? undefined : eq(events.action, action),
    object === undefined ? undefined : eq(events.object, object),
    isBetween(between),
    await idsBetween(deps, between),
  );
}

/** The matching events, newest first. */
export async function listEvents(
  deps: AuditDeps,
  filter: EventFilter,
  { limit, after }: PageInput,
): Promise<Page<EventRow>> {
  const rows = await deps.db
    .select()
    .from(events)
    .where(
      and(
        isAfter([events.id], after, { descending: true, parse: (parts) => parts.map(Number) }),
        await matching(deps, filter),
      ),
    )
    .orderBy(desc(events.id))
    .limit(limit + 1);
  return pageOf(rows, limit, ({ id }) => [`${id}`]);
}

/** How many events match, but no more than this many and one. */
export async function countEvents(deps: AuditDeps, filter: EventFilter, most: number): Promise<number> {
  const some = deps.db
    .select({ one: sql`1`.as("one") })
    .from(events)
    .where(await matching(deps, filter))
    .limit(most + 1)
    .as("some");
  return deps.db.$count(some);
}
