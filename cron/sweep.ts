import { sweep } from "../pool/lifecycle/sweep.ts";
import type { Job } from "./job.ts";

/** Once a day for each machine: searches the whole disk for files of former holders. */
export default { name: "sweep", pattern: "30 * * * * *", run: sweep } satisfies Job;
