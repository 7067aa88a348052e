// The database itself deletes old events, as its owner: the program may not, and nobody has to remember to.
import { getTableName } from "drizzle-orm";
import type { Connection } from "mysql2/promise";
import { rowsOf } from "./client.ts";
import { isDenied } from "./errors.ts";
import { events } from "./schema/audit.ts";

const NAME = "prune_events";
/** Few enough to delete within one statement's time limit; new events don't have to wait for it. */
const BATCH = 2000;

/** What the server runs every hour: batch by batch, each recorded in its own transaction (as in pool/audit/prune.ts). */
function body(days: number, batch: number): string {
  const table = getTableName(events);
  return `BEGIN
  DECLARE gone INT DEFAULT 0;
  DECLARE oldest DATETIME(3) DEFAULT UTC_TIMESTAMP(3) - INTERVAL ${days} DAY;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  REPEAT
    START TRANSACTION;
    DELETE FROM ${table} WHERE at < oldest ORDER BY at, id LIMIT ${batch};
    SET gone = ROW_COUNT();
    IF gone > 0 THEN
      INSERT INTO ${table} (at, actor, address, request_id, action, object, details)
      VALUES (UTC_TIMESTAMP(3), 'owner', '', '', 'events.pruned', 'events',
        CONCAT('{"count":', gone, ',"days":${days},"before":"', REPLACE(CAST(oldest AS CHAR), ' ', 'T'), 'Z"}'));
    END IF;
    COMMIT;
  UNTIL gone < ${batch} END REPEAT;
END`;
}

/**
 * Has the server delete events that are older than this many days, from now on, as the owner.
 * @param owner a connection as the database's owner
 * @param days 0: never
 * @returns what the owner should know: what changed, or why nothing is deleted; "" if nothing changed
 */
export async function scheduleEventPruning(owner: Connection, days: number, batch = BATCH): Promise<string> {
  const [has] = await rowsOf<{ comment: string; status: string }>(
    owner,
    "SELECT EVENT_COMMENT AS comment, STATUS AS status FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() AND EVENT_NAME = ?",
    [NAME],
  );
  if (days === 0) {
    if (!has) return "";
    await owner.query(`DROP EVENT IF EXISTS ${NAME}`);
    return "from now on, events are kept forever";
  }
  // The comment identifies the installed version: the server may not print the text as we wrote it.
  const text = body(days, batch);
  const comment = `${days} days, ${Bun.hash.crc32(text).toString(16)}`;
  let said = "";
  if (has?.comment !== comment || has.status !== "ENABLED") {
    const every = "ON SCHEDULE EVERY 1 HOUR ON COMPLETION PRESERVE ENABLE";
    try {
      await owner.query(`CREATE OR REPLACE EVENT ${NAME} ${every} COMMENT '${comment}' DO ${text}`);
      said = `from now on, events are deleted after ${days} days (EVENTS_DAYS)`;
    } catch (error) {
      if (!isDenied(error)) throw error;
      return "old events are NOT deleted automatically: the owner lacks the EVENT privilege on the database; grant it, or run prune-events regularly";
    }
  }
  const [scheduler] = await rowsOf<{ state: string }>(owner, "SELECT @@event_scheduler AS state");
  if (scheduler?.state === "ON") return said;
  return `old events are NOT deleted automatically: the server's event_scheduler is ${scheduler?.state}; set event_scheduler=ON in its configuration (or SET GLOBAL event_scheduler=ON), or run prune-events regularly`;
}
