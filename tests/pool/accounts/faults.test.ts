import { expect, test } from "bun:test";
import { printable } from "../../../pool/accounts/faults.ts";

test("a machine's words can't control a terminal or fake a line", () => {
  expect(printable("a\u001b[2Jb\r\nc\u202e\u0000d", 100)).toBe("a [2Jb c d");
  expect(printable("x".repeat(500), 10)).toBe("xxxxxxxxxx");
});
