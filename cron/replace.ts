import { probeHeld } from "../pool/reservations/replace/probe.ts";
import { refill } from "../pool/reservations/replace/refill.ts";
import type { Job } from "./job.ts";

/** Replaces held machines that break, for the reservations that ask for it. */
export default {
  name: "replace",
  pattern: "*/3 * * * * *",
  run: async (deps) => (await probeHeld(deps)) + (await refill(deps)),
} satisfies Job;
