import { lt, sql } from "drizzle-orm";
import { matched } from "../../../db/client.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { series } from "../../../db/schema/series.ts";
import type { ReservationsDeps } from "../deps.ts";

/** Deletes series that ended more than `historyDays` ago, once their occurrences are forgotten. @returns how many */
export async function pruneSeries({ db, historyDays }: ReservationsDeps): Promise<number> {
  const isOld = lt(series.endsAt, sql`UTC_TIMESTAMP(3) - INTERVAL ${historyDays} DAY`);
  const its = sql`SELECT 1 FROM ${reservations} WHERE ${reservations.seriesId} = ${series.id}`;
  return matched(await db.delete(series).where(sql`${isOld} AND NOT EXISTS (${its})`));
}
