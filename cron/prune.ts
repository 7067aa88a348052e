import { prune } from "../pool/reservations/prune.ts";
import { job } from "./job.ts";

/** Deletes reservations that ended more than HISTORY_DAYS ago, sessions that ended, and counts of logins. */
export default job("prune", "0 */10 * * * *", prune);
