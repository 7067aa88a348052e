import { asc } from "drizzle-orm";
import { machines } from "../../db/schema/pool.ts";
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
  const names = (want: string) =>
    rows
      .filter(({ state, drained }) => {
        const seen = state === "available" && drained ? "unavailable" : state;
        return want === "unavailable" ? seen !== "available" && seen !== "reserved" : seen === want;
      })
      .map(({ name }) => name);
  return { available: names("available"), reserved: names("reserved"), unavailable: names("unavailable") };
}
