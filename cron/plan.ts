import { planNow } from "../pool/reservations/schedule/planner.ts";
import type { Job } from "./job.ts";

/** Plans the queue, although nothing is known to have changed: another process may have changed something and stopped. */
export default {
  name: "plan",
  pattern: "*/10 * * * * *",
  run: async (deps) => {
    await planNow(deps);
    return 0;
  },
} satisfies Job;
