import { asc, lt, sql } from "drizzle-orm";
import { type Db, matched, transact } from "../../db/client.ts";
import { events } from "../../db/schema/audit.ts";
import type { Actor } from "./deps.ts";
import { record } from "./events.ts";

/** As many as are deleted within the time that one statement may take; no new event waits for it. */
const BATCH = 2000;

/** The program may not do this: whoever does acts as the database's owner. */
const OWNER: Actor = { name: "owner", address: "", requestId: "" };

/**
 * Deletes the events that are older than so many days. Each batch is recorded in its own transaction, so that also what
 * was interrupted is known.
 * @param db a connection as the database's owner
 * @param days 1 or more
 * @returns how many
 */
export async function pruneEvents(db: Db, days: number, batch = BATCH): Promise<number> {
  const [row] = await db
    .select({ at: sql`UTC_TIMESTAMP(3) - INTERVAL ${days} DAY`.mapWith(events.at) })
    .from(sql`DUAL`);
  if (!row) throw new Error("the database tells no time");
  for (let all = 0; ; ) {
    // When its COMMIT was lost, a repeat deletes the next ones: what is recorded is right, our sum is too small.
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
