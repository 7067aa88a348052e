import { and, asc, eq, lte } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { takeOverAndClean } from "./clean.ts";
import type { LifecycleDeps } from "./deps.ts";
import { leaseIsFree } from "./lease.ts";
import { MACHINE } from "./states.ts";

/** A dead rack must not use up the connections that ending reservations need. */
const AT_ONCE = 5;

/** Retries cleaning the quarantined machines that are due, the longest waiting first. @returns how many */
export async function retry(deps: LifecycleDeps): Promise<number> {
  const due = await deps.db
    .select()
    .from(machines)
    .where(and(eq(machines.state, MACHINE.quarantined), lte(machines.retryAt, now), leaseIsFree))
    .orderBy(asc(machines.retryAt))
    .limit(AT_ONCE);
  const all = await Promise.allSettled(
    due.map(async (machine) => {
      if (await takeOverAndClean(deps, machine))
        deps.log("info", "machine is clean again", { machine: machine.name });
    }),
  );
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return due.length;
}
