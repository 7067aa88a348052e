import { sweepDisks } from "../pool/sweep_disks.ts";
import { job } from "./job.ts";

/** Once a day for each machine: files of former holders on the whole disk. */
export default job("sweep_disks", "30 * * * * *", sweepDisks);
