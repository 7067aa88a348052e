import { sweep } from "../pool/lifecycle/sweep.ts";
import { job } from "./job.ts";

/** Once a day for each machine: files of former holders on the whole disk. */
export default job("sweep", "30 * * * * *", sweep);
