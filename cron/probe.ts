import { probe } from "../pool/lifecycle/probe.ts";
import type { Job } from "./job.ts";

/** Asks offered machines, a few at a time, whether they still answer and are the same. */
export default { name: "probe", pattern: "*/3 * * * * *", run: probe } satisfies Job;
