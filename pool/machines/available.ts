import { asc } from "drizzle-orm";
import { machines } from "../../db/schema/pool.ts";
import { MACHINE } from "../lifecycle/states.ts";
import type { MachinesDeps } from "./deps.ts";

export interface Offer {
  available: string[];
  reserved: string[];
  /** being prepared, cleaned or removed, quarantined or drained */
  unavailable: string[];
}

/** Names of all machines, by what a user can do with them. */
export async function available(deps: MachinesDeps): Promise<Offer> {
  const rows = await deps.db
    .select({ name: machines.name, state: machines.state, drained: machines.drained })
    .from(machines)
    .orderBy(asc(machines.name));
  const offer: Offer = { available: [], reserved: [], unavailable: [] };
  for (const { name, state, drained } of rows)
    if (state === MACHINE.available && !drained) offer.available.push(name);
    else if (state === MACHINE.reserved) offer.reserved.push(name);
    else offer.unavailable.push(name);
  return offer;
}
