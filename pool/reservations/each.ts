import { and, desc, eq, inArray } from "drizzle-orm";
import { users } from "../../db/schema/identity.ts";
import { type ReservationState, reservations } from "../../db/schema/reservations.ts";
import { invalid } from "../errors.ts";
import { AHEAD, reservationIn } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { ReservationsDeps } from "./deps.ts";
import { fitting } from "./list.ts";
import { ofUser, placesOf, type ReservationView, VIEW } from "./view.ts";

export interface EachInput extends PageInput {
  states: readonly ReservationState[];
  /** only those of the API user with this name */
  user?: string | undefined;
  /** only this one */
  id?: string | undefined;
}

/** In a cursor: the list of the active ones by machine goes on from other columns. */
const MARK = "each";

/**
 * The reservations in some states, each once, the newest first.
 * @param userId only this user's
 */
export async function listEach(
  deps: ReservationsDeps,
  { limit, after, states, user, id }: EachInput,
  userId?: string,
): Promise<Page<ReservationView>> {
  if (after && after[0] !== MARK) throw invalid("cursor", "is not a cursor from this list");
  const order = [reservations.createdAt, reservations.id];
  const parse = ([at = "", id]: string[]) => [new Date(at), id];
  // The view is expensive: only for those that are on the page.
  const keys = await deps.db
    .select({ id: reservations.id, createdAt: reservations.createdAt })
    .from(reservations)
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(
      and(
        reservationIn(states),
        ofUser(userId),
        id === undefined ? undefined : eq(reservations.id, id),
        user === undefined ? undefined : eq(users.name, user),
        isAfter(order, after?.slice(1), { descending: true, parse }),
      ),
    )
    .orderBy(...order.map((column) => desc(column)))
    .limit(limit + 1);
  const ids = keys.slice(0, limit).map(({ id }) => id);
  const rows = ids.length === 0 ? [] : await viewAll(deps, ids);
  const most = Math.min(limit, fitting(rows, new Map(rows.map(({ id, machines }) => [id, machines]))));
  // The keys, not the rows: a reservation that was deleted in between must not end the list.
  const last = rows[most - 1];
  const length = rows.length > most && last ? ids.indexOf(last.id) + 1 : limit;
  const { next } = pageOf(keys, length, ({ createdAt, id }) => [MARK, createdAt.toISOString(), id]);
  return { rows: rows.slice(0, most), next };
}

/** Reservations with their machines, in this order; without those that are gone by now. */
async function viewAll(deps: ReservationsDeps, ids: string[]): Promise<ReservationView[]> {
  const rows = await deps.db
    .select(VIEW)
    .from(reservations)
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(inArray(reservations.id, ids));
  const isAhead = ({ state }: { state: ReservationState }) => AHEAD.includes(state);
  const idsOf = (some: typeof rows) => some.map(({ id }) => id);
  const [held, planned] = await Promise.all([
    placesOf(deps, idsOf(rows.filter((row) => !isAhead(row)))),
    placesOf(deps, idsOf(rows.filter(isAhead)), true),
  ]);
  const found = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = found.get(id);
    return row ? [{ ...row, machines: held.get(id) ?? planned.get(id) ?? [] }] : [];
  });
}
