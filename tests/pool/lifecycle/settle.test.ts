import { expect, test } from "bun:test";
import { backoffSeconds } from "../../../pool/lifecycle/settle.ts";

test("backoff grows, is jittered, and never passes an hour", () => {
  expect(backoffSeconds("leftovers", 0, 1)).toBe(5);
  expect(backoffSeconds("leftovers", 3, 1)).toBe(40);
  expect(backoffSeconds("leftovers", 3, 0.5)).toBe(20);
  expect(backoffSeconds("leftovers", 999, 1)).toBe(3600);
  expect(backoffSeconds("unreachable", 999, 1)).toBe(300);
  expect(backoffSeconds("host_key", 0, 0)).toBe(3600);
});
