import { mysqlTable, varchar } from "drizzle-orm/mysql-core";

/**
 * Small facts about the whole pool: the last uid given, the check of the secret key (during a rotation, also the next key),
 * the pool's own key pair, and a row that whoever plans the queue locks.
 */
export const settings = mysqlTable("settings", {
  name: varchar("name", { length: 64 }).primaryKey(),
  value: varchar("value", { length: 4000 }).notNull(),
});
