import { retry } from "../pool/lifecycle/retry.ts";
import type { Job } from "./job.ts";

/** Tries again to clean quarantined machines that are due. */
export default { name: "retry", pattern: "*/2 * * * * *", run: retry } satisfies Job;
