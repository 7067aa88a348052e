import { and, eq, or, sql } from "drizzle-orm";
import { machines } from "../../db/schema/pool.ts";
import { fingerprint } from "../accounts/connect.ts";
import { type FaultKind, MachineFault } from "../accounts/faults.ts";
import { PoolError } from "../errors.ts";
import { canonicalAddress, type Machine, placeOf } from "../lifecycle/target.ts";
import type { MachinesDeps } from "./deps.ts";
import { clash, type RegisterInput, refuseInput } from "./register.ts";

/** The host key that a machine shows now, or why none was seen. */
export interface Shown {
  /** "type base64" */
  hostKey: string | null;
  hostKeyFingerprint: string | null;
  fault: FaultKind | null;
  lastError: string | null;
}

async function look(
  deps: MachinesDeps,
  place: Pick<Machine, "address" | "host" | "port" | "hostKey">,
): Promise<Shown> {
  try {
    const hostKey = await deps.accounts.shownHostKey(placeOf(deps, place));
    return { hostKey, hostKeyFingerprint: fingerprint(hostKey), fault: null, lastError: null };
  } catch (error) {
    if (!(error instanceof MachineFault)) throw error;
    return { hostKey: null, hostKeyFingerprint: null, fault: error.kind, lastError: error.message };
  }
}

/**
 * What registering a machine would find: the host key that it shows. Changes nothing, and logs in to nothing.
 * @throws PoolError machine_exists, address_taken, invalid_request
 */
export async function tryRegister(deps: MachinesDeps, input: RegisterInput): Promise<Shown> {
  refuseInput(deps, input);
  const { host, port, hostKey } = input;
  const address = canonicalAddress(host);
  const taken = await deps.db
    .select({ name: machines.name })
    .from(machines)
    .where(
      or(
        sql`LOWER(${machines.name}) = LOWER(${input.name})`,
        and(eq(machines.address, address), eq(machines.port, port)),
      ),
    );
  const [first] = taken;
  if (first) throw clash(input, first.name);
  return look(deps, { address, host, port, hostKey });
}

/** The host key that a machine of the pool shows now, whichever it should have. @throws PoolError machine_not_found */
export async function shownBy(deps: MachinesDeps, name: string): Promise<Shown> {
  const [machine] = await deps.db.select().from(machines).where(eq(machines.name, name));
  if (!machine) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  return look(deps, machine);
}
