import { prune } from "../pool/reservations/prune.ts";
import type { Job } from "./job.ts";

/**
 * Deletes reservations that ended more than HISTORY_DAYS ago, records of dirty machines that are clean again, expired
 * sessions, and old login counts.
 */
export default { name: "prune", pattern: "0 */10 * * * *", run: prune } satisfies Job;
