import { probe } from "../pool/lifecycle/probe.ts";
import type { Job } from "./job.ts";

/** Checks, a few at a time, that offered machines still answer and are still the same. */
export default { name: "probe", pattern: "*/3 * * * * *", run: probe } satisfies Job;
