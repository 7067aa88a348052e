import { eq, sql } from "drizzle-orm";
import { users } from "../../db/schema/identity.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { RESERVATION } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { ReservationsDeps } from "./deps.ts";
import { placesOf } from "./view.ts";

/** Somebody who waits. */
export interface QueueRow {
  /** from 1 */
  position: number;
  id: string;
  username: string;
  user: string | null;
  userId: string | null;
  count: number;
  durationMinutes: number;
  /** null: no machine can be planned for it */
  startsAt: Date | null;
  uncertain: boolean;
  delay: string | null;
  waitUntil: Date | null;
  /** the names of the machines that are planned for it */
  machines: string[];
}

/** Who waits, in order, with their planned starts. */
export async function listQueue(
  deps: ReservationsDeps,
  { limit, after }: PageInput,
): Promise<Page<QueueRow>> {
  const { priority, createdAt, id } = reservations;
  const ranked = deps.db
    .select({
      position: sql<number>`ROW_NUMBER() OVER (ORDER BY ${priority} DESC, ${createdAt}, ${id})`
        .mapWith(Number)
        .as("position"),
      id,
      username: reservations.username,
      user: users.name,
      userId: reservations.userId,
      count: reservations.count,
      durationMinutes: reservations.durationMinutes,
      startsAt: reservations.startsAt,
      uncertain: reservations.uncertain,
      delay: reservations.delay,
      waitUntil: reservations.waitUntil,
      priority,
      createdAt,
    })
    .from(reservations)
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(eq(reservations.state, RESERVATION.queued))
    .as("ranked");
  const order = [sql`-${ranked.priority}`, ranked.createdAt, ranked.id];
  const parse = ([rank, at = "", last]: string[]) => [Number(rank), new Date(at), last];
  const rows = await deps.db
    .select()
    .from(ranked)
    .where(isAfter(order, after, { parse }))
    .orderBy(ranked.position)
    .limit(limit + 1);
  const places = await placesOf(
    deps,
    rows.map((row) => row.id),
    true,
  );
  const named = rows.map((row) => ({
    ...row,
    machines: (places.get(row.id) ?? []).map(({ machine }) => machine),
  }));
  return pageOf(named, limit, (row) => [`${-row.priority}`, row.createdAt.toISOString(), row.id]);
}
