// A machine that broke still has its holder's name on it until it is clean; what it is promised for is not the holder's concern.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { extend } from "../../../pool/reservations/extend.ts";
import { release } from "../../../pool/reservations/release.ts";
import { refill } from "../../../pool/reservations/replace/refill.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import type { ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

const MINUTE = 60_000;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(3);
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

/** A reservation of two of the machines, one of which has broken; the third is booked right behind it. */
async function lackingOne() {
  const { id, machines, endsAt } = await ask({ count: 2, replace: true });
  const [broken = ""] = machines.map(({ machine }) => machine);
  await breakIt(broken);
  await pool.sql("UPDATE holds SET lacking = TRUE WHERE machine_name = ? AND released_at IS NULL", [broken]);
  const third = ["stub-1", "stub-2", "stub-3"].filter(
    (name) => !machines.some((one) => one.machine === name),
  );
  return { id, third, endsAt: endsAt?.getTime() ?? 0 };
}

test("a machine is never taken for a slot while the end is being moved: it may be promised before the new one", async () => {
  const { id, third, endsAt } = await lackingOne();
  await ask({ username: "bob", machines: third, startsAt: new Date(endsAt + 2 * MINUTE) });
  const { accounts } = pool.deps;
  let isExtending = false;
  let go = () => {};
  pool.deps.accounts = {
    ...accounts,
    extend: () => {
      isExtending = true;
      return new Promise<void>((resolve) => {
        go = resolve;
      });
    },
  };
  const extended = extend(pool.deps, id, { minutes: 60 });
  await until("it is being extended", 5000, async () => isExtending);
  await refill(pool.deps);
  go();
  await extended;
  await refill(pool.deps);
  pool.deps.accounts = accounts;
  expect((await viewReservation(pool.deps, id)).machines.map(({ machine }) => machine)).not.toContain(
    third[0] ?? "",
  );
});

test("the end isn't moved while an account with the old one is being made in a slot", async () => {
  const { id } = await lackingOne();
  const { accounts } = pool.deps;
  let error: unknown;
  pool.deps.accounts = {
    ...accounts,
    create: async () => {
      error = await extend(pool.deps, id, { minutes: 60 }).catch((e) => e);
    },
  };
  await refill(pool.deps);
  pool.deps.accounts = accounts;
  expect(error).toMatchObject({ kind: "cannot_extend", message: expect.stringContaining("being replaced") });
  expect((await viewReservation(pool.deps, id)).machines).toHaveLength(2);
  await extend(pool.deps, id, { minutes: 60 });
});
