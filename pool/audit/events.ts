import { and, desc, eq, lt } from "drizzle-orm";
import { now, type Tx } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import type { Action, Details } from "./catalogue.ts";
import type { AuditDeps } from "./deps.ts";

type What<A extends Action> = Details[A] extends Record<string, never> ? [] : [details: Details[A]];

/** The columns of an event in the name of `deps.actor`. */
export function eventOf<A extends Action>(
  { actor }: Pick<AuditDeps, "actor">,
  action: A,
  object: string,
  ...[details]: What<A>
) {
  const { name, address, requestId } = actor;
  return { at: now, actor: name, address, requestId, action, object, details: { ...details } };
}

/**
 * Records a change in its own transaction: no record, no change.
 * @param object id or name of what was changed
 */
export async function record<A extends Action>(
  deps: Pick<AuditDeps, "actor">,
  tx: Tx,
  action: A,
  object: string,
  ...details: What<A>
): Promise<void> {
  await tx.insert(events).values(eventOf(deps, action, object, ...details));
}

export interface EventFilter {
  actor?: string | undefined;
  action?: string | undefined;
  object?: string | undefined;
  /** only events before the one with this id: the cursor */
  before?: number | undefined;
  limit: number;
}

/** The newest events that fit, newest first. */
export function listEvents(deps: AuditDeps, { actor, action, object, before, limit }: EventFilter) {
  return deps.db
    .select()
    .from(events)
    .where(
      and(
        actor === undefined ? undefined : eq(events.actor, actor),
        action === undefined ? undefined : eq(events.action, action),
        object === undefined ? undefined : eq(events.object, object),
        before === undefined ? undefined : lt(events.id, before),
      ),
    )
    .orderBy(desc(events.id))
    .limit(limit);
}
