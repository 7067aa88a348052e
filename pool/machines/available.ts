import { asc } from "drizzle-orm";
import { machines } from "../../db/schema/pool.ts";
import { MACHINE } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { MachinesDeps } from "./deps.ts";

export interface Offer {
  available: string[];
  reserved: string[];
  /** being prepared, cleaned or removed, quarantined or drained */
  unavailable: string[];
}

/** Names of the machines, by what a user can do with them. */
export async function available(
  deps: MachinesDeps,
  { limit, after }: PageInput,
): Promise<Offer & Pick<Page<string>, "next">> {
  const found = await deps.db
    .select({ name: machines.name, state: machines.state, drained: machines.drained })
    .from(machines)
    .where(isAfter([machines.name], after))
    .orderBy(asc(machines.name))
    .limit(limit + 1);
  const { rows, next } = pageOf(found, limit, ({ name }) => [name]);
  const offer: Offer = { available: [], reserved: [], unavailable: [] };
  for (const { name, state, drained } of rows)
    if (state === MACHINE.available && !drained) offer.available.push(name);
    else if (state === MACHINE.reserved) offer.reserved.push(name);
    else offer.unavailable.push(name);
  return { ...offer, next };
}
