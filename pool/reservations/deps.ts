import type { Db } from "../../db/client.ts";
import type { LifecycleDeps } from "../lifecycle/deps.ts";

export interface ReservationsDeps extends LifecycleDeps {
  /** the same as `db` on separate connections, for use while a transaction of `db` is open */
  side: Db;
  maxDurationMinutes: number;
  /** machines that one user may hold at once; 0: no limit */
  maxMachinesPerUser: number;
  historyDays: number;
  /** own: a user's accounts must have the user's name */
  accountNames: "own" | "any";
}
