import { retry } from "../pool/lifecycle/retry.ts";
import type { Job } from "./job.ts";

/** Retries cleaning the quarantined machines that are due. */
export default { name: "retry", pattern: "*/2 * * * * *", run: retry } satisfies Job;
