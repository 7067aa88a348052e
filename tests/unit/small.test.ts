import { expect, test } from "bun:test";
import { printable } from "../../pool/accounts/faults.ts";
import { limit } from "../../pool/accounts/limit.ts";
import { backoffSeconds } from "../../pool/lifecycle/settle.ts";
import { canonicalAddress } from "../../pool/lifecycle/target.ts";
import { seal, unseal } from "../../pool/secrets/seal.ts";

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

test("a sealed secret opens only with its key and for its owner", () => {
  const [key, other] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
  const sealed = seal(key, "machine-1", "pässword");
  expect(unseal(key, "machine-1", sealed)).toBe("pässword");
  expect(seal(key, "machine-1", "pässword")).not.toBe(sealed);
  expect(() => unseal(other, "machine-1", sealed)).toThrow();
  expect(() => unseal(key, "machine-2", sealed)).toThrow();
  expect(() => unseal(key, "machine-1", sealed.slice(0, -4))).toThrow();
});

test("backoff grows, is jittered, and never passes an hour", () => {
  expect(backoffSeconds("leftovers", 0, 1)).toBe(5);
  expect(backoffSeconds("leftovers", 3, 1)).toBe(40);
  expect(backoffSeconds("leftovers", 3, 0.5)).toBe(20);
  expect(backoffSeconds("leftovers", 999, 1)).toBe(3600);
  expect(backoffSeconds("unreachable", 999, 1)).toBe(300);
  expect(backoffSeconds("host_key", 0, 0)).toBe(3600);
});

test("a machine's words can't control a terminal or fake a line", () => {
  expect(printable("a\u001b[2Jb\r\nc\u202e\u0000d", 100)).toBe("a [2Jb c d");
  expect(printable("x".repeat(500), 10)).toBe("xxxxxxxxxx");
});

test("limit: never more at once than allowed, in order of arrival, and an error frees its slot", async () => {
  const turn = limit(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  await Promise.allSettled(
    [1, 2, 3, 4, 5].map((n) =>
      turn(async () => {
        most = Math.max(most, ++running);
        order.push(n);
        await Bun.sleep(5);
        running--;
        if (n === 1) throw new Error("no");
      }),
    ),
  );
  expect(most).toBe(2);
  expect(order).toEqual([1, 2, 3, 4, 5]);
});
