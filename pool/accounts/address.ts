import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { MachineFault } from "./faults.ts";

export interface AddressRules {
  /** CIDR blocks in which a machine may live; none: anywhere but `NEVER` */
  networks: string[];
  /** our own ports on this machine: the API's, the database's */
  ownPorts: number[];
  /** host names of our own parts, such as the database */
  ownHosts: string[];
}

/** Link-local (cloud metadata lives there), unspecified, multicast: no machine of a pool has such an address. */
const NEVER = ["169.254.0.0/16", "fe80::/10", "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8"];

/** @param blocks such as "10.0.0.0/8" @throws Error when one is not a CIDR block */
export function blockList(blocks: string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [net = "", bits = ""] = block.split("/");
    const family = isIP(net);
    if (!family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
      throw new Error(`${block} is not a network such as 10.0.0.0/8`);
    list.addSubnet(net, Number(bits), family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

const never = blockList(NEVER);
const loopback = blockList(["127.0.0.0/8", "::1/128"]);
const within = (list: BlockList, address: string) =>
  list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

/** ::ffff:10.0.0.1 means 10.0.0.1. */
const plain = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, "");

/** Why we may not connect to an address; undefined: we may. */
export function refusal(address: string, port: number, rules: AddressRules): string | undefined {
  const at = plain(address);
  if (within(never, at)) return "an address that no machine may have";
  if (within(loopback, at) && rules.ownPorts.includes(port)) return "one of Machine Manager's own ports";
  if (rules.networks.length > 0 && !within(blockList(rules.networks), at))
    return "outside ALLOWED_MACHINE_NETWORKS";
  return undefined;
}

/**
 * The address to connect to: looked up once and checked, and the checked address is used, so that a name can't point
 * elsewhere in between.
 * @param seconds limit of the look-up
 * @throws MachineFault unreachable (no such name), forbidden_address
 */
export async function addressOf(
  host: string,
  port: number,
  rules: AddressRules,
  seconds: number,
): Promise<string> {
  let found: string[];
  if (isIP(host)) found = [host];
  else if (rules.ownHosts.includes(host.toLowerCase()))
    throw new MachineFault("forbidden_address", `${host} is part of Machine Manager itself`);
  else {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const late = new Promise<never>((_, no) => {
        timer = setTimeout(() => no(new Error("no answer in time")), seconds * 1000);
      });
      found = (await Promise.race([lookup(host, { all: true }), late])).map(({ address }) => address);
    } catch (error) {
      throw new MachineFault(
        "unreachable",
        `can't find the host's address: ${error instanceof Error ? error.message : "?"}`,
      );
    } finally {
      clearTimeout(timer);
    }
  }
  // IPv4 first: a machine that listens on only one family mostly listens on that.
  found.sort((a, b) => isIP(a) - isIP(b));
  const allowed = found.find((address) => !refusal(address, port, rules));
  if (allowed) return allowed;
  throw new MachineFault(
    "forbidden_address",
    `${found[0] ?? host}: ${refusal(found[0] ?? "0.0.0.0", port, rules)}`,
  );
}
