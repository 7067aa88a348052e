import { retry } from "../pool/lifecycle/retry.ts";
import { job } from "./job.ts";

/** Tries again to clean quarantined machines that are due. */
export default job("retry", "*/2 * * * * *", retry);
