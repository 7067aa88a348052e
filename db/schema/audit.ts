import { bigint, index, json, mysqlTable, varchar } from "drizzle-orm/mysql-core";
import { time } from "./columns.ts";

/** What was done, by whom, to what: append-only. Written in the same transaction as the change. */
export const events = mysqlTable(
  "events",
  {
    id: bigint("id", { mode: "number" }).autoincrement().primaryKey(),
    at: time("at").notNull(),
    /** a user and their token, ADMIN_TOKEN, open, scheduler, owner (of the database) or nobody */
    actor: varchar("actor", { length: 140 }).notNull(),
    /** where the request came from, according to nginx; "" for the scheduler */
    address: varchar("address", { length: 64 }).notNull(),
    requestId: varchar("request_id", { length: 64 }).notNull(),
    /** for example reservation.confirmed */
    action: varchar("action", { length: 64 }).notNull(),
    /** the id or name of what it was done to */
    object: varchar("object", { length: 140 }).notNull(),
    details: json("details").$type<Record<string, unknown>>().notNull(),
  },
  (t) => [
    index("events_object").on(t.object, t.id),
    index("events_action").on(t.action, t.id),
    index("events_at").on(t.at),
  ],
);
