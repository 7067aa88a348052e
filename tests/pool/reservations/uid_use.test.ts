// What reservations use up: a fraction of what tests/bench/uids.ts measures (100 000 refused, 10 000 short).
import { expect, test } from "bun:test";
import { useUids } from "../../bench/uids.ts";
import { startStubPool } from "../../support/stub_pool.ts";

test("1000 refused requests use up no uid, 200 short reservations one each", async () => {
  const pool = await startStubPool(16);
  try {
    const use = await useUids(pool, 1000, 200);
    console.log(JSON.stringify(use));
    expect([use.usedByRefused, use.usedByShort, use.different]).toEqual([0, 200, 200]);
  } finally {
    await pool.stop();
  }
}, 300_000);
