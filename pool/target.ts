import type { Target } from "../accounts/connect.ts";
import type { machines } from "../db/schema.ts";
import type { PoolDeps } from "./deps.ts";
import { poolKey } from "./pool_key.ts";

export type Machine = typeof machines.$inferSelect;

/** One spelling for what surely is one address, so that a machine can't be offered under two names. */
export function canonicalAddress(host: string): string {
  const plain = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain) || plain === "localhost" ? "localhost" : plain;
}

/** How to log in to a machine. */
async function secretOf(deps: PoolDeps, { id, secretKind, secret }: Machine): Promise<Target["secret"]> {
  if (secretKind === "pool_key") return { kind: "private_key", value: (await poolKey(deps)).privateKey };
  return { kind: secretKind, value: await deps.keys.open(id, secret) };
}

/** Where and how to log in to a machine. @throws Error when its secret can't be opened */
export async function targetOf(deps: PoolDeps, machine: Machine): Promise<Target> {
  const here = machine.address === "localhost" && deps.machineLocalhost;
  return {
    host: here ? deps.machineLocalhost : machine.host.replace(/^\[|\]$/g, ""),
    port: machine.port,
    user: machine.loginUser,
    secret: await secretOf(deps, machine),
    hostKey: machine.hostKey,
  };
}
