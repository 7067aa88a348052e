// When a user's time on a machine ends is kept, whatever becomes of the machine afterwards: usage is computed from it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { release } from "../../../pool/reservations/release.ts";
import { probeHeld } from "../../../pool/reservations/replace/probe.ts";
import { refill } from "../../../pool/reservations/replace/refill.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { readUsage } from "../../../pool/usage/usage.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(2, { REPLACE_AFTER: "1" });
});
afterAll(() => pool?.stop());

const holdsOf = (id: string) =>
  pool.sql(
    "SELECT machine_name, confirmed_at, ending_at, released_at, quarantined FROM holds WHERE reservation_id = ? ORDER BY claimed_at",
    [id],
  );
/** Lets time pass, as the database has it. */
async function later(minutes: number): Promise<void> {
  for (const [table, columns] of [
    ["reservations", ["created_at", "starts_at", "ends_at", "ended_at"]],
    ["holds", ["claimed_at", "confirmed_at", "ending_at", "released_at"]],
    ["machines", ["created_at", "probed_at"]],
  ] as const)
    await pool.sql(
      `UPDATE ${table} SET ${columns.map((one) => `${one} = ${one} - INTERVAL ${minutes} MINUTE`).join(", ")}`,
    );
}
const hoursNow = async () => (await readUsage(pool.deps, { by: "user" })).total;

test("a machine that couldn't be cleaned at first: its user's time ended when the removal began", async () => {
  const { accounts } = pool.deps;
  const { clean } = accounts;
  const { id } = await pool.reserve("one");
  await pool.sql("UPDATE reservations SET ends_at = ends_at + INTERVAL 300 MINUTE WHERE id = ?", [id]);
  await later(60);
  accounts.clean = async () => {
    throw new MachineFault("leftovers", "something is left");
  };
  await release(pool.deps, id);
  accounts.clean = clean;
  await later(120);
  expect(await hoursNow()).toMatchObject({
    machineHours: expect.closeTo(1, 2),
    heldHours: expect.closeTo(3, 2),
  });
  expect((await release(pool.deps, id)).pending).toEqual([]);
  const [hold] = await holdsOf(id);
  expect([hold.quarantined, hold.released_at - hold.ending_at >= 120 * 60_000]).toEqual([1, true]);
  expect(await hoursNow()).toMatchObject({
    machineHours: expect.closeTo(1, 2),
    heldHours: expect.closeTo(3, 2),
    removals: 1,
    removalMedian: expect.closeTo(7200, -1),
  });
  const [{ turnaround_ms }] = await pool.sql("SELECT MAX(turnaround_ms) AS turnaround_ms FROM machines");
  expect(turnaround_ms).toBe(5000);
});

test("a machine that was lost and replaced: its user had it until then, and the other one from then on", async () => {
  const { accounts } = pool.deps;
  const { look } = accounts;
  const before = (await hoursNow()).machineHours;
  const made = await reserve(pool.deps, {
    principal: ADMIN,
    username: "two",
    count: 1,
    durationMinutes: 600,
    password: "pw",
    replace: true,
  });
  await later(60);
  accounts.look = async () => {
    throw new MachineFault("unreachable", "no answer");
  };
  await probeHeld(pool.deps);
  accounts.look = look;
  await later(30);
  expect(await refill(pool.deps)).toBe(1);
  await later(60);
  const [lost, other] = await holdsOf(made.id);
  expect([lost.ending_at - lost.confirmed_at >= 60 * 60_000, lost.released_at]).toEqual([true, null]);
  expect([other.ending_at, other.confirmed_at - lost.ending_at >= 30 * 60_000]).toEqual([null, true]);
  expect((await hoursNow()).machineHours - before).toBeCloseTo(2, 2);
});
