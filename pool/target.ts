import type { Target } from "../accounts/connect.ts";
import type { machines } from "../db/schema.ts";
import { unseal } from "../db/secrets.ts";
import type { PoolDeps } from "./deps.ts";

export type Machine = typeof machines.$inferSelect;

/** One spelling for what surely is one address, so that a machine can't be offered under two names. */
export function canonicalAddress(host: string): string {
  const plain = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain) || plain === "localhost" ? "localhost" : plain;
}

/** Where and how to log in to a machine. @throws Error when its secret can't be opened */
export function targetOf(deps: PoolDeps, machine: Machine): Target {
  const here = machine.address === "localhost" && deps.machineLocalhost;
  return {
    host: here ? deps.machineLocalhost : machine.host.replace(/^\[|\]$/g, ""),
    port: machine.port,
    user: machine.loginUser,
    secret: {
      kind: machine.secretKind === "password" ? "password" : "private_key",
      value: unseal(deps.secretKey, machine.id, machine.secret),
    },
    hostKey: machine.hostKey,
  };
}
