import { recover } from "../pool/lifecycle/recover.ts";
import { finishDeletions } from "../pool/reservations/delete_user.ts";
import { undoExtensions } from "../pool/reservations/extend.ts";
import type { Job } from "./job.ts";

/** Finishes or undoes what a stopped worker left half done. */
export default {
  name: "recover",
  pattern: "*/5 * * * * *",
  run: async (deps) => (await recover(deps)) + (await undoExtensions(deps)) + (await finishDeletions(deps)),
} satisfies Job;
