import { planDue } from "../pool/reservations/schedule/planner.ts";
import type { Job } from "./job.ts";

/** Starts the reservations whose planned time has come. */
export default { name: "due", pattern: "* * * * * *", run: planDue } satisfies Job;
