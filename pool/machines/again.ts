import { eq } from "drizzle-orm";
import { machines } from "../../db/schema/pool.ts";
import { PoolError } from "../errors.ts";
import { clean } from "../lifecycle/clean.ts";
import { takeOver } from "../lifecycle/lease.ts";
import { MACHINE } from "../lifecycle/states.ts";
import type { MachinesDeps } from "./deps.ts";

const PAUSE_MS = 200;

/**
 * Tries a quarantined machine now: offers it if it is clean, else learns why not. Another state is left alone.
 * @throws PoolError machine_held when another worker is on it and doesn't end
 */
export async function tryAgain(deps: MachinesDeps, name: string): Promise<void> {
  const deadline = performance.now() + deps.accounts.longestSeconds * 1000;
  for (;;) {
    const [seen] = await deps.db.select().from(machines).where(eq(machines.name, name));
    if (seen?.state !== MACHINE.quarantined) return;
    const machine = await takeOver(deps, seen, [MACHINE.quarantined]);
    if (machine) {
      await clean(deps, machine);
      return;
    }
    // The one that is on it may have begun before what the caller has just changed.
    if (performance.now() > deadline)
      throw new PoolError("machine_held", `'${name}' is busy right now; try again in a moment`);
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}
