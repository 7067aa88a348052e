// The names by which a user knows the machines of a reservation: node1, node2, … They stay.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { listReservations } from "../../../pool/reservations/list.ts";
import { release, releaseAll } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { planNow } from "../../../pool/reservations/schedule/planner.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { ROOT } from "../../support/run.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(4);
});
afterAll(() => pool.stop());
afterEach(async () => {
  pool.creates.clear();
  await releaseAll(pool.deps);
  await pool.sql("UPDATE machines SET state = 'available', reservation_id = NULL, lease_worker = NULL");
  await pool.sql("UPDATE holds SET released_at = UTC_TIMESTAMP(3) WHERE released_at IS NULL");
});

const slots = (all: { machine: string; slot: string }[]) =>
  all.map(({ machine, slot }) => `${slot} ${machine}`);
const view = (id: string) => viewReservation(pool.deps, id);

test("they are numbered by name, in every answer", async () => {
  // Offered in another order.
  await pool.sql("UPDATE machines SET last_used_at = last_used_at - INTERVAL port MINUTE");
  const made = await pool.reserve("ann", 3);
  const expected = ["node1 stub-2", "node2 stub-3", "node3 stub-4"];
  expect(slots(made.machines)).toEqual(expected);
  expect(slots((await view(made.id)).machines)).toEqual(expected);
  const { rows } = await listReservations(pool.deps, { limit: 10 });
  expect(slots(rows)).toEqual(expected);
  for (const row of rows) expect(slots(row.machines)).toEqual(expected);
});

test("a machine that takes another's place takes its slot", async () => {
  await pool.sql("UPDATE machines SET last_used_at = UTC_TIMESTAMP(3) + INTERVAL port MINUTE");
  pool.creates.set(2, () => {
    throw new MachineFault("unreachable", "it is gone");
  });
  const made = await pool.reserve("ann", 3);
  expect(slots(made.machines)).toEqual(["node1 stub-1", "node2 stub-4", "node3 stub-3"]);
});

test("a planned reservation has slots, too, by name, as it will have when it starts", async () => {
  const full = await pool.reserve("ann", 4);
  const input = { principal: ADMIN, username: "bob", count: 3, durationMinutes: 10, wait: 60 };
  const planned = await reserve(pool.deps, input);
  expect(planned.state).toBe("queued");
  const numbered = ({ machines }: { machines: { machine: string }[] }) =>
    machines
      .map(({ machine }) => machine)
      .sort()
      .map((machine, n) => `node${n + 1} ${machine}`);
  expect(slots(planned.machines)).toEqual(numbered(planned));
  await release(pool.deps, full.id);
  await planNow(pool.deps);
  await until("it is active", 10_000, async () => (await view(planned.id)).state === "active");
  const started = await view(planned.id);
  expect(started.machines).toHaveLength(3);
  expect(slots(started.machines)).toEqual(numbered(started));
});

test("the migration numbers the holds of before: first the machines that a reservation has now", async () => {
  await pool.sql("UPDATE machines SET last_used_at = UTC_TIMESTAMP(3) + INTERVAL port MINUTE");
  const { id } = await pool.reserve("ann", 3);
  await pool.sql("UPDATE machines SET state = 'cleaning' WHERE name = 'stub-1'");
  const other = await pool.reserve("bob", 1);
  await pool.sql("UPDATE holds SET slot = 0 WHERE reservation_id = ?", [id]);
  const file = readFileSync(join(ROOT, "db/migrations/0017_slots.sql"), "utf8");
  // Twice: the second finds nothing to do.
  for (const statement of [
    ...file.split("--> statement-breakpoint"),
    ...file.split("--> statement-breakpoint"),
  ])
    await pool.sql(statement);
  const rows = await pool.sql(
    "SELECT machine_name, slot FROM holds WHERE reservation_id IN (?) ORDER BY reservation_id = ?, slot",
    [[id, other.id], other.id],
  );
  expect(rows.map(({ machine_name, slot }) => `${slot} ${machine_name}`)).toEqual([
    "1 stub-2",
    "2 stub-3",
    "3 stub-1",
    "1 stub-4",
  ]);
});
