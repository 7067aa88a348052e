import { expect, test } from "bun:test";
import { canonicalAddress } from "../../../pool/lifecycle/target.ts";

test("one address has one spelling", () => {
  for (const host of ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
    expect(canonicalAddress(host)).toBe("localhost");
  expect(canonicalAddress("Box.Example.org.")).toBe("box.example.org");
  for (const host of [
    "127.1",
    "0x7f.1",
    "0x7F000001",
    "2130706433",
    "0177.0.0.1",
    "::ffff:127.0.0.1",
    "[0:0:0:0:0:0:0:1]",
  ])
    expect(`${host} ${canonicalAddress(host)}`).toBe(`${host} localhost`);
  for (const [host, one] of [
    ["10.0.7", "10.0.0.7"],
    ["012.0.0.7", "10.0.0.7"],
    ["::FFFF:0a00:7", "10.0.0.7"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["[2001:0db8::0001]", "2001:db8::1"],
    ["10.0.0.256", "10.0.0.256"],
    ["10.example", "10.example"],
  ] as const)
    expect(`${host} ${canonicalAddress(host)}`).toBe(`${host} ${one}`);
});
