import { index, int, json, mediumtext, mysqlEnum, mysqlTable, varchar } from "drizzle-orm/mysql-core";
import { id, time } from "./columns.ts";

/** What happens to a series when an occurrence can't be: it isn't made at all, or that occurrence is left out. */
export const ON_CONFLICT = ["refuse", "skip"] as const;

/** Reservations that are booked again and again, by a rule in a named zone; each occurrence is a reservation. */
export const series = mysqlTable(
  "series",
  {
    id: id("id").primaryKey(),
    /** the API user who made it; null: an admin without a user, or an open API */
    userId: id("user_id"),
    username: varchar("username", { length: 32 }).notNull(),
    /** RFC 5545, without DTSTART and the like */
    rrule: varchar("rrule", { length: 500 }).notNull(),
    /** local time in its zone: 2026-09-02T13:00 */
    startsLocal: varchar("starts_local", { length: 19 }).notNull(),
    timeZone: varchar("time_zone", { length: 64 }).notNull(),
    durationMinutes: int("duration_minutes").notNull(),
    count: int("count").notNull(),
    /** as of a reservation */
    whereLabels: varchar("where_labels", { length: 1000 }),
    onlyMachines: json("only_machines").$type<string[]>(),
    exceptMachines: json("except_machines").$type<string[]>(),
    /** local dates on which it doesn't occur */
    exceptDates: json("except_dates").$type<string[]>().notNull(),
    onConflict: mysqlEnum("on_conflict", ON_CONFLICT).notNull(),
    /** the password or keys of all its accounts, sealed with SECRET_KEY and bound to the id; null: each occurrence's is made */
    credential: mediumtext("credential"),
    /** each occurrence up to then was booked or skipped, once: what is cancelled later is never booked again */
    bookedUntil: time("booked_until").notNull(),
    /** it doesn't occur from then on; null: it has no end */
    endsAt: time("ends_at"),
    createdAt: time("created_at").notNull(),
  },
  (t) => [index("series_user").on(t.userId), index("series_end").on(t.endsAt)],
);
