import { isIP } from "node:net";
import type { machines } from "../../db/schema/pool.ts";
import type { Target } from "../accounts/connect.ts";
import { poolKey } from "../secrets/pool_key.ts";
import type { LifecycleDeps } from "./deps.ts";

export type Machine = typeof machines.$inferSelect;

/** `127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`: inet_aton, and so every SSH client, reads these as IPv4 addresses. */
function ipv4Of(host: string): string | undefined {
  if (!/^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){0,3}$/.test(host)) return undefined;
  try {
    // The URL standard's host parser reads them the same way (https://url.spec.whatwg.org/#concept-ipv4-parser).
    return new URL(`http://${host}/`).hostname;
  } catch {
    return undefined;
  }
}

/** One spelling of an IPv6 address; an IPv4-mapped one becomes IPv4. */
function ipv6Of(host: string): string | undefined {
  if (isIP(host) !== 6) return undefined;
  const short = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [, high = "", low = ""] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === "") return short;
  return [high, low]
    .flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255])
    .join(".");
}

/** One spelling per address, so that a machine can't be offered under two names. */
export function canonicalAddress(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  const plain = ipv4Of(name) ?? ipv6Of(name) ?? name;
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain) || plain === "localhost" ? "localhost" : plain;
}

/** How to log in to a machine. */
async function secretOf(deps: LifecycleDeps, { id, secretKind, secret }: Machine): Promise<Target["secret"]> {
  if (secretKind === "pool_key") return { kind: "private_key", value: (await poolKey(deps)).privateKey };
  return { kind: secretKind, value: await deps.keys.open(id, secret) };
}

/** Where a machine is, and its host key. */
export function placeOf(
  { machineLocalhost }: LifecycleDeps,
  { address, host, port, hostKey }: Pick<Machine, "address" | "host" | "port" | "hostKey">,
): Pick<Target, "host" | "port" | "hostKey"> {
  const here = address === "localhost" && machineLocalhost;
  return { host: here ? machineLocalhost : host.replace(/^\[|\]$/g, ""), port, hostKey };
}

/** Where and how to log in to a machine. @throws Error when its secret can't be opened */
export async function targetOf(deps: LifecycleDeps, machine: Machine): Promise<Target> {
  return {
    ...placeOf(deps, machine),
    user: machine.loginUser,
    secret: await secretOf(deps, machine),
  };
}
