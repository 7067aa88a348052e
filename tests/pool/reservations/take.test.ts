// What a claim looks at when it may not have every machine.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { transact } from "../../../db/client.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { take } from "../../../pool/reservations/steps/take.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(120_000);

const SIZE = 103;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(SIZE);
});
afterAll(() => pool.stop());

test("machines that are booked, although idle for longer, don't hide those that are free", async () => {
  const startsAt = new Date(Date.now() + 30 * 60_000);
  const free = `stub-${SIZE}`;
  const booked = await reserve(pool.deps, {
    principal: ADMIN,
    username: "ann",
    count: SIZE - 1,
    durationMinutes: 60,
    startsAt,
    except: [free],
  });
  expect(booked.state).toBe("booked");
  const wanted = { where: "!gpu", only: null, except: null };
  const claim = { reservationId: crypto.randomUUID(), count: 1, durationMinutes: 60, wanted };
  const taken = await transact(pool.deps.db, (tx) => take(pool.deps, tx, claim));
  expect(taken.map(({ name }) => name)).toEqual([free]);
});
