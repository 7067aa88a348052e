import { asc, lt, sql } from "drizzle-orm";
import { type Db, matched, transact } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import type { Actor } from "./deps.ts";
import { record } from "./events.ts";

/** Few enough to delete within one statement's time limit; new events don't have to wait for it. */
const BATCH = 2000;

/** The program's own database user may not do this, only the owner. */
const OWNER: Actor = { name: "owner", address: "", requestId: "" };

/**
 * Deletes the events that are older than this many days. Each batch is recorded in its own transaction, so that even an
 * interrupted run is on record.
 * @param db a connection as the database's owner
 * @param days 1 or more
 * @returns how many
 */
export async function pruneEvents(db: Db, days: number, batch = BATCH): Promise<number> {
  const [row] = await db
    .select({ at: sql`UTC_TIMESTAMP(3) - INTERVAL ${days} DAY`.mapWith(events.at) })
    .from(sql`DUAL`);
  if (!row) throw new Error("the database didn't return the time");
  for (let all = 0; ; ) {
    // If a COMMIT's answer was lost, the repeat deletes the next batch: the record is right, our sum is too small.
    const gone = await transact(db, async (tx) => {
      const old = tx.delete(events).where(lt(events.at, row.at));
      const count = matched(await old.orderBy(asc(events.at), asc(events.id)).limit(batch));
      if (count > 0)
        await record({ actor: OWNER }, tx, "events.pruned", "events", {
          count,
          days,
          before: row.at.toISOString(),
        });
      return count;
    });
    all += gone;
    if (gone < batch) return all;
  }
}
