import { probe } from "../pool/lifecycle/probe.ts";
import { job } from "./job.ts";

/** Asks offered machines, a few at a time, whether they still answer and are the same. */
export default job("probe", "*/3 * * * * *", probe);
