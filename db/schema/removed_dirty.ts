import { index, int, mysqlTable, text, varchar } from "drizzle-orm/mysql-core";
import { id, time } from "./columns.ts";

/** Machines that were removed by force although they could not be cleaned: registering one again shows a warning. */
export const removedDirty = mysqlTable(
  "removed_dirty",
  {
    id: id("id").primaryKey(),
    machineName: varchar("machine_name", { length: 64 }).notNull(),
    address: varchar("address", { length: 253 }).notNull(),
    port: int("port").notNull(),
    hostKey: text("host_key"),
    identity: varchar("identity", { length: 32 }),
    /** the last account that may still be there */
    username: varchar("username", { length: 32 }),
    uid: int("uid"),
    reason: varchar("reason", { length: 500 }).notNull(),
    removedAt: time("removed_at").notNull(),
  },
  (t) => [
    index("removed_dirty_address").on(t.address, t.port),
    index("removed_dirty_identity").on(t.identity),
  ],
);
