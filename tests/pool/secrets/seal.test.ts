import { expect, test } from "bun:test";
import { seal, unseal } from "../../../pool/secrets/seal.ts";

test("a sealed secret opens only with its key and for its owner", () => {
  const [key, other] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
  const sealed = seal(key, "machine-1", "pässword");
  expect(unseal(key, "machine-1", sealed)).toBe("pässword");
  expect(seal(key, "machine-1", "pässword")).not.toBe(sealed);
  expect(() => unseal(other, "machine-1", sealed)).toThrow();
  expect(() => unseal(key, "machine-2", sealed)).toThrow();
  expect(() => unseal(key, "machine-1", sealed.slice(0, -4))).toThrow();
});
