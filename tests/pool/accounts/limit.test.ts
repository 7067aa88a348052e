import { expect, test } from "bun:test";
import { limit } from "../../../pool/accounts/limit.ts";

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
