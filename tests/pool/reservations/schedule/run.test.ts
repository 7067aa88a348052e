// What happens to a reservation whose accounts can't be made when its time has come.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { reserve } from "../../../../pool/reservations/reserve.ts";
import { planDue } from "../../../../pool/reservations/schedule/planner.ts";
import { replan } from "../../../../pool/reservations/schedule/replan.ts";
import { run } from "../../../../pool/reservations/schedule/run.ts";
import { viewReservation } from "../../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(1);
});
afterAll(() => pool.stop());

test("the database goes away while its machine is cleaned: it waits again, and the process lives on", async () => {
  const { deps } = pool;
  const startsAt = new Date(Date.now() + 20_000);
  const booking = { principal: ADMIN, username: "ann", count: 1, durationMinutes: 10, startsAt };
  pool.creates.set(1, () => {
    throw new MachineFault("unreachable", "no route");
  });
  const { db, accounts } = deps;
  const transaction = db.transaction;
  let logged = "";
  const log = deps.log;
  deps.log = (level, text, more) => {
    if (level === "error") logged = text;
    else log(level, text, more);
  };
  deps.accounts = {
    ...accounts,
    clean: async () => {
      db.transaction = () => Promise.reject(Object.assign(new Error("gone"), { code: "ECONNREFUSED" }));
      throw new MachineFault("unreachable", "no route");
    },
  };
  // A rejection that nobody handles fails this test, and would end the process.
  const asked = reserve(deps, booking).catch(() => undefined);
  await until("it gave up for now", 20_000, async () => logged !== "");
  db.transaction = transaction;
  Object.assign(deps, { accounts, log });
  await asked;
  expect(logged).toBe("a reservation is left to be recovered");
  const [{ id }] = await pool.sql("SELECT id FROM reservations");
  await planDue(deps);
  expect((await viewReservation(deps, id)).state).toBe("booked");
});

test("a booking that waits again keeps its machines: whoever comes while they are cleaned doesn't get them", async () => {
  await pool.sql("UPDATE reservations SET state = 'failed', ended_at = UTC_TIMESTAMP(3)");
  await pool.sql("DELETE FROM commitments");
  await pool.sql(
    "UPDATE machines SET state = 'available', reservation_id = NULL, fault = NULL, retry_at = NULL, lease_until = NULL",
  );
  await pool.sql("UPDATE holds SET released_at = UTC_TIMESTAMP(3)");
  const { deps } = pool;
  const asked = { principal: ADMIN, count: 1, durationMinutes: 10 };
  const { id } = await reserve(deps, {
    ...asked,
    username: "ann",
    startsAt: new Date(Date.now() + 70_000),
  });
  await pool.sql(
    "UPDATE reservations SET starts_at = starts_at - INTERVAL 30 SECOND, ends_at = ends_at - INTERVAL 30 SECOND WHERE id = ?",
    [id],
  );
  let fails = 1;
  pool.creates.set(1, () => {
    if (fails-- > 0) throw new MachineFault("unreachable", "no route");
  });
  const { started } = await replan(deps);
  for (const one of started) await run(deps, one);
  expect((await viewReservation(deps, id)).state).toBe("booked");
  expect(await pool.sql("SELECT state FROM machines")).toEqual([{ state: "available" }]);
  // Before the next plan.
  const other = await reserve(deps, { ...asked, username: "bob" }).catch((error) => error);
  expect(other).toMatchObject({ kind: "not_enough_machines" });
  await pool.sql("UPDATE reservations SET not_before = NULL");
  await planDue(deps);
  await until("it has started", 5000, async () => (await viewReservation(deps, id)).state === "active");
});
