import { expire } from "../pool/reservations/expire.ts";
import type { Job } from "./job.ts";

/** Ends reservations whose time is up, and removes their accounts. */
export default {
  name: "expire",
  pattern: ({ server }) => `*/${server.expireEverySeconds} * * * * *`,
  run: expire,
} satisfies Job;
