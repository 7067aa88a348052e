import { index, mysqlTable, primaryKey } from "drizzle-orm/mysql-core";
import { id, time } from "./columns.ts";

/**
 * A machine that is promised to a reservation from some time on: a booking, or a place in the queue's plan. Whoever takes
 * a machine locks its row first and then looks here; whoever writes here has locked it, too. So no machine is promised
 * twice.
 */
export const commitments = mysqlTable(
  "commitments",
  {
    reservationId: id("reservation_id").notNull(),
    machineId: id("machine_id").notNull(),
    /** from when it must be free: a booking's accounts are made some time before its start */
    busyFrom: time("busy_from").notNull(),
    startsAt: time("starts_at").notNull(),
    endsAt: time("ends_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.reservationId, t.machineId] }),
    index("commitments_machine").on(t.machineId, t.busyFrom),
  ],
);
