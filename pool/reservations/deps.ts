import type { Db } from "../../db/client.ts";
import type { LifecycleDeps } from "../lifecycle/deps.ts";

export interface ReservationsDeps extends LifecycleDeps {
  /** the same as `db` on connections of its own, for what is done while a transaction of `db` is open */
  side: Db;
  maxDurationMinutes: number;
  /** machines that one user may hold at once; 0: no limit */
  maxMachinesPerUser: number;
  historyDays: number;
  /** whether a user's accounts must have the user's own name */
  accountNames: "own" | "any";
}
