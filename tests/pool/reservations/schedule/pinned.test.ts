// Bookings and the queue beside each other on fake machines: neither keeps the other from starting.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { transact } from "../../../../db/client.ts";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { release } from "../../../../pool/reservations/release.ts";
import { reserve } from "../../../../pool/reservations/reserve.ts";
import { planDue, planNow, planOnChange } from "../../../../pool/reservations/schedule/planner.ts";
import type { ReserveInput } from "../../../../pool/reservations/steps/admit.ts";
import { TooFew, takeThese } from "../../../../pool/reservations/steps/take.ts";
import { ANY } from "../../../../pool/reservations/steps/wanted.ts";
import { viewReservation } from "../../../../pool/reservations/view.ts";
import { type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(60_000);

const MINUTE = 60_000;
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(2);
  planOnChange(pool.deps);
});
afterAll(() => pool.stop());
beforeEach(async () => {
  const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(pool.deps, id).catch(() => {});
  await until("all is free", 10_000, async () => {
    const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM machines WHERE reservation_id IS NULL");
    return n === 2;
  });
  await pool.sql(
    "UPDATE machines SET state = 'available', fault = NULL, retry_at = NULL, labels = '{}' WHERE state <> 'available' OR labels <> '{}'",
  );
});

const ask = (input: Partial<ReserveInput>) =>
  reserve(pool.deps, {
    principal: ADMIN,
    username: "ann",
    count: 1,
    durationMinutes: 10,
    ...input,
  });
const view = (id: string) => viewReservation(pool.deps, id);
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE);
/** Machines that are promised to two at once. */
const overlaps = () =>
  pool.sql(`SELECT a.* FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id AND a.reservation_id < b.reservation_id
    AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`);

test("a booking starts in its lead although somebody waits for its machines right behind it", async () => {
  const booked = await ask({ count: 2, startsAt: inMinutes(1.5) });
  const behind = await ask({ count: 2, wait: 600 });
  expect(booked.state).toBe("booked");
  expect(behind.state).toBe("queued");
  // Its lead has begun.
  const shift = "INTERVAL 40500 * 1000 MICROSECOND";
  for (const [table, columns] of [
    ["commitments", ["busy_from", "starts_at", "ends_at"]],
    ["reservations", ["starts_at", "ends_at"]],
  ] as const)
    for (const column of columns)
      await pool.sql(`UPDATE ${table} SET ${column} = ${column} - ${shift} WHERE ${column} IS NOT NULL`);
  expect(await planDue(pool.deps)).toBe(1);
  await until("it has started", 5000, async () => (await view(booked.id)).state === "active");
  expect((await view(behind.id)).state).toBe("queued");
});

test("a booking's quarantined machine that no other can replace is promised to nobody else meanwhile", async () => {
  const booked = await ask({ count: 2, startsAt: inMinutes(20), durationMinutes: 60 });
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'unreachable', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE WHERE name = 'stub-1'",
  );
  await planNow(pool.deps);
  expect((await view(booked.id)).delay).toContain("stub-1");
  const waiting = await ask({ except: ["stub-2"], wait: 600, durationMinutes: 30 });
  expect(waiting.state).toBe("queued");
  expect(await overlaps()).toEqual([]);
  expect((waiting.startsAt?.getTime() ?? 0) - (booked.endsAt?.getTime() ?? 0)).toBeGreaterThanOrEqual(0);
  // It is clean again: the booking has both, and nobody starts later.
  await pool.sql(
    "UPDATE machines SET state = 'available', fault = NULL, retry_at = NULL WHERE name = 'stub-1'",
  );
  await planNow(pool.deps);
  expect((await view(booked.id)).delay).toBeNull();
  expect((await view(waiting.id)).startsAt).toEqual(waiting.startsAt);
  expect(await overlaps()).toEqual([]);
});

test("a machine that a booking lost by its labels is free for others", async () => {
  await pool.sql(`UPDATE machines SET labels = '{"gpu":""}' WHERE name = 'stub-1'`);
  const booked = await ask({ where: "gpu", startsAt: inMinutes(20), durationMinutes: 60 });
  const full = await ask({ except: ["stub-1"], durationMinutes: 600 });
  expect([booked.state, full.state]).toEqual(["booked", "active"]);
  const waiting = await ask({ wait: 600, durationMinutes: 60 });
  expect(waiting.state).toBe("queued");
  await pool.sql("UPDATE machines SET labels = '{}'");
  await planNow(pool.deps);
  await until("it has started", 5000, async () => (await view(waiting.id)).state === "active");
  expect((await view(booked.id)).delay).toContain("labels");
});

test("a claim looks once more at the machines that it has locked: a booking may have come in between", async () => {
  await ask({ machines: ["stub-1"], startsAt: inMinutes(20) });
  const rows = await pool.sql("SELECT id FROM machines ORDER BY name");
  const take = (id: string, durationMinutes: number) =>
    transact(pool.deps.db, async (tx) => {
      const claim = { reservationId: crypto.randomUUID(), count: 1, durationMinutes, wanted: ANY };
      const [taken] = await takeThese(pool.deps, tx, claim, [id]);
      throw new Error(`took ${taken?.name}`);
    }).catch((error) => error);
  expect(await take(rows[0].id, 30)).toBeInstanceOf(TooFew);
  expect((await take(rows[0].id, 5)).message).toBe("took stub-1");
  expect((await take(rows[1].id, 30)).message).toBe("took stub-2");
});
