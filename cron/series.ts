import { bookOn } from "../pool/reservations/series/book_on.ts";
import type { Job } from "./job.ts";

/** Books further occurrences of series, as time goes on. */
export default { name: "series", pattern: "0 7 * * * *", run: (deps) => bookOn(deps) } satisfies Job;
