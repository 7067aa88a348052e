import { expect, test } from "bun:test";
import { addressOf, blockList, refusal } from "../../../pool/accounts/address.ts";

const rules = { networks: [], ownPorts: [3000, 3306], ownHosts: ["db"] };

test("link-local, unspecified and multicast addresses are refused for machines, in any spelling", () => {
  for (const address of [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
  ])
    expect(refusal(address, 22, rules), address).toBeString();
  for (const address of ["127.0.0.1", "::1", "10.0.0.1", "192.0.2.7", "2001:db8::1"])
    expect(refusal(address, 22, rules), address).toBeUndefined();
});

test("our own ports on this machine are refused, others' are not", () => {
  expect(refusal("127.0.0.1", 3000, rules)).toContain("own");
  expect(refusal("::ffff:127.0.0.1", 3306, rules)).toContain("own");
  expect(refusal("10.0.0.1", 3306, rules)).toBeUndefined();
});

test("ALLOWED_MACHINE_NETWORKS limits the rest, even after a name was looked up", async () => {
  const bounded = { ...rules, networks: ["10.0.0.0/8", "2001:db8::/32"] };
  expect(refusal("10.9.9.9", 22, bounded)).toBeUndefined();
  expect(refusal("2001:db8::5", 22, bounded)).toBeUndefined();
  expect(refusal("192.168.0.1", 22, bounded)).toContain("ALLOWED_MACHINE_NETWORKS");
  await expect(addressOf("localhost", 22, bounded, 2)).rejects.toMatchObject({ kind: "forbidden_address" });
  expect(await addressOf("localhost", 22, rules, 2)).toBe("127.0.0.1");
  await expect(addressOf("db", 22, rules, 2)).rejects.toMatchObject({ kind: "forbidden_address" });
  await expect(addressOf("no-such-name.invalid", 22, rules, 5)).rejects.toMatchObject({
    kind: "unreachable",
  });
});

test("an invalid network is refused at the start", () => {
  for (const bad of ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "::/129"])
    expect(() => blockList([bad])).toThrow(bad);
});
