// A machine that broke still has its holder's name on it until it is clean; what it is promised for is not the holder's concern.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { extend } from "../../../pool/reservations/extend.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

const MINUTE = 60_000;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(2);
});
afterAll(() => pool.stop());
beforeEach(async () => {
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(pool.deps, id);
});

const ask = (input: Partial<ReserveInput>) =>
  reserve(pool.deps, { principal: ADMIN, username: "ann", count: 1, durationMinutes: 60, ...input });
const breakIt = (name: string) =>
  pool.sql(
    `UPDATE machines SET state = 'quarantined', fault = 'unreachable', lease_worker = NULL, lease_until = NULL,
       retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE WHERE name = ?`,
    [name],
  );
const waitFor = async (name: string) => {
  const waits = await ask({ username: "bob", machines: [name], wait: 600, durationMinutes: 30 });
  expect(waits).toMatchObject({ state: "queued", uncertain: true });
};

test("it doesn't keep a reservation from being extended on the others", async () => {
  const held = await ask({ count: 2 });
  await breakIt("stub-1");
  await waitFor("stub-1");
  expect((await viewReservation(pool.deps, held.id)).wantedBy).toBe(0);
  const longer = await extend(pool.deps, held.id, { minutes: 60 });
  expect((longer.endsAt?.getTime() ?? 0) - (held.endsAt?.getTime() ?? 0)).toBe(60 * MINUTE);
});

test("one that failed while it was prepared doesn't cut the time on the one that took its place", async () => {
  const { accounts } = pool.deps;
  let failed = "";
  pool.deps.accounts = {
    ...accounts,
    create: async ({ port }) => {
      if (failed === "") {
        failed = `stub-${port}`;
        throw new MachineFault("unreachable", "no route");
      }
      await breakIt(failed);
      await waitFor(failed);
    },
  };
  const held = await ask({});
  pool.deps.accounts = accounts;
  expect(held.state).toBe("active");
  expect((held.endsAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(59 * MINUTE);
});
