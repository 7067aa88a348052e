import { sweep } from "../pool/lifecycle/sweep.ts";
import type { Job } from "./job.ts";

/** Sweeps each machine's whole disk once a day for files of former holders. */
export default { name: "sweep", pattern: "30 * * * * *", run: sweep } satisfies Job;
