import { recover } from "../pool/lifecycle/recover.ts";
import { job } from "./job.ts";

/** Finishes or undoes what a stopped process left half done. */
export default job("recover", "*/5 * * * * *", recover);
