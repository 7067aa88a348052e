// The queue on fake machines: who waits is told a time, and gets machines at it without asking again.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../../pool/accounts/faults.ts";
import { isUnavailable } from "../../../../pool/database.ts";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { recover } from "../../../../pool/lifecycle/recover.ts";
import { retry } from "../../../../pool/lifecycle/retry.ts";
import { expire } from "../../../../pool/reservations/expire.ts";
import { release } from "../../../../pool/reservations/release.ts";
import { reserve, reserveAndHold } from "../../../../pool/reservations/reserve.ts";
import { planDue, planNow, planOnChange } from "../../../../pool/reservations/schedule/planner.ts";
import { replan } from "../../../../pool/reservations/schedule/replan.ts";
import { run } from "../../../../pool/reservations/schedule/run.ts";
import type { ReserveInput } from "../../../../pool/reservations/steps/admit.ts";
import { viewReservation } from "../../../../pool/reservations/view.ts";
import { collectStarted } from "../../../../pool/reservations/waiting/collect.ts";
import { anotherProcess, emptyPool, type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(3);
  planOnChange(pool.deps);
});
afterAll(() => pool.stop());
beforeEach(() => emptyPool(pool, 3));

const ask = (input: Partial<ReserveInput>) =>
  reserve(pool.deps, {
    principal: ADMIN,
    username: "ann",
    count: 1,
    durationMinutes: 10,
    wait: 600,
    ...input,
  });
const view = (id: string) => viewReservation(pool.deps, id);
const commitments = () => pool.sql("SELECT * FROM commitments");

test("on a full pool, one is told when; a release moves it up, and it has its accounts at once", async () => {
  const full = await ask({ count: 3, durationMinutes: 60 });
  const told = await ask({ count: 2 });
  expect(told).toMatchObject({ state: "queued", position: 1, uncertain: false, delay: null });
  expect(told.machines).toHaveLength(2);
  const after = (told.startsAt?.getTime() ?? 0) - (full.endsAt?.getTime() ?? 0);
  expect(after).toBe(5000);
  expect(told.endsAt?.getTime()).toBe((told.startsAt?.getTime() ?? 0) + 600_000);
  expect(told.password).toBeUndefined();
  await release(pool.deps, full.id);
  // At once: no scheduler runs here that would find it later.
  await until("it has started", 10_000, async () => (await view(told.id)).state === "active");
  expect(await commitments()).toEqual([]);
  // Its password is told once, to whoever asked.
  const mine = await collectStarted(pool.deps, told.id, ADMIN, 1);
  expect(mine.password).toHaveLength(22);
  expect((await collectStarted(pool.deps, told.id, ADMIN, 1)).password).toBeUndefined();
});

test("that a machine can't be cleaned is in the plan at once: the start is uncertain until it is", async () => {
  const full = await ask({ machines: ["stub-2"], durationMinutes: 60 });
  const told = await ask({ machines: ["stub-2"] });
  const broken = { ...pool.deps.accounts };
  broken.clean = async () => {
    throw new MachineFault("leftovers", "a process that can't be ended");
  };
  await release({ ...pool.deps, accounts: broken }, full.id);
  await until("it was planned again", 10_000, async () => (await view(told.id)).uncertain);
  await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined'");
  await retry(pool.deps);
  await until("it has started", 10_000, async () => (await stateOf(told.id)) === "active");
});

test("one that holds the line is answered in its time, however long it took to plan it", async () => {
  await ask({ count: 3, durationMinutes: 60 });
  const real = performance.now;
  const looking: typeof pool.deps.looking = (read) => {
    // As if planning took a minute, however busy this machine is.
    performance.now = () => real.call(performance) + 60_000;
    return pool.deps.looking(read);
  };
  const input = { principal: ADMIN, username: "ben", count: 1, durationMinutes: 10, wait: 600 };
  const since = real.call(performance);
  try {
    const held = await reserveAndHold({ ...pool.deps, looking }, input, 30);
    expect(held.state).toBe("queued");
    expect(real.call(performance) - since).toBeLessThan(25_000);
  } finally {
    performance.now = real;
  }
}, 60_000);

const names = (count: number) => Array.from({ length: count }, (_, n) => `q${n}`);
const stateOf = async (id: string) => (await view(id)).state;
const secondsBetween = (a: Date | null, b: Date | null) =>
  Math.round(((b?.getTime() ?? 0) - (a?.getTime() ?? 0)) / 1000);
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const clock = async () => (await pool.sql("SELECT UTC_TIMESTAMP(3) AS at"))[0].at as Date;
/** Two processes beside each other. */
const other = () => {
  const deps = anotherProcess(pool.deps);
  planOnChange(deps);
  return deps;
};
/** Each machine's holders and promises, none of which may overlap. */
const overlaps = () =>
  pool.sql(`SELECT a.* FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id AND a.reservation_id < b.reservation_id
    AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`);

test("in the queue's order; a later one may start sooner in a gap, and at once, without delaying an earlier one", async () => {
  await ask({ count: 2, durationMinutes: 60 });
  const wide = await ask({ count: 3, durationMinutes: 30 });
  const short = await ask({ count: 1, durationMinutes: 30 });
  const long = await ask({ count: 1, durationMinutes: 70 });
  expect([wide.state, short.state, long.state]).toEqual(["queued", "active", "queued"]);
  expect(short.password).toHaveLength(22);
  expect(secondsBetween(wide.endsAt, long.startsAt)).toBe(7);
  expect([wide.position, long.position]).toEqual([1, 2]);
  expect((await view(wide.id)).startsAt).toEqual(wide.startsAt);
});

test("one that may not wait is told when it could start, and leaves nothing behind", async () => {
  const full = await ask({ count: 3, durationMinutes: 60 });
  const direct = await problem(ask({ wait: 0 }));
  expect(direct).toMatchObject({ kind: "not_enough_machines" });
  const [{ next_at }] = direct.details;
  expect(secondsBetween(full.endsAt, new Date(next_at))).toBe(5);
  // It may wait, but not for so long.
  expect(await problem(ask({ wait: 59 }))).toMatchObject({ kind: "not_enough_machines" });
  const waiting = await ask({ wait: 90 });
  // Others wait: the plan decides, and says the same.
  const behind = await problem(ask({ wait: 0, count: 3 }));
  expect(secondsBetween(waiting.endsAt, new Date(behind.details[0].next_at))).toBe(7);
  const rows = await pool.sql("SELECT state FROM reservations WHERE ended_at IS NULL ORDER BY state");
  expect(rows.map(({ state }) => state)).toEqual(["queued", "active"]);
  expect(await commitments()).toHaveLength(1);
});

test("what the pool can never give is refused, with how many match", async () => {
  expect(await problem(ask({ count: 4 }))).toMatchObject({
    kind: "never_enough",
    details: [{ field: "count", message: "4 requested, 3 match" }],
  });
  await pool.sql("UPDATE machines SET drained = 1 WHERE name = 'stub-3'");
  expect(await problem(ask({ count: 3 }))).toMatchObject({ kind: "never_enough" });
  await pool.sql("UPDATE machines SET drained = 0");
  expect(await problem(ask({ where: "gpu" }))).toMatchObject({ kind: "never_enough" });
  expect(await problem(ask({ where: "gpu &&" }))).toMatchObject({
    kind: "invalid_request",
    details: [{ field: "where", column: 7 }],
  });
});

test("who is released while waiting makes room for those behind", async () => {
  await ask({ count: 3, durationMinutes: 60 });
  const first = await ask({ count: 3, durationMinutes: 30 });
  const second = await ask({ count: 1 });
  expect(second.position).toBe(2);
  await release(pool.deps, first.id);
  expect(await stateOf(first.id)).toBe("ended");
  await planNow(pool.deps);
  expect(await view(second.id)).toMatchObject({ position: 1, startsAt: first.startsAt });
});

test("a request that has waited as long as it may fails, and says why", async () => {
  await ask({ count: 3, durationMinutes: 60 });
  const { id } = await ask({});
  await pool.sql("UPDATE reservations SET wait_until = UTC_TIMESTAMP(3) WHERE id = ?", [id]);
  expect(await planDue(pool.deps)).toBe(1);
  expect(await view(id)).toMatchObject({ state: "failed", reason: expect.stringContaining("could wait") });
  const [row] = await pool.sql("SELECT * FROM reservations WHERE id = ?", [id]);
  expect(row).toMatchObject({ credential: null, ended_at: expect.any(Date) });
  expect(await commitments()).toEqual([]);
});

test("only admins give a priority; it goes before others, but moves no start that was told", async () => {
  const full = await ask({ count: 3, durationMinutes: 60 });
  const told = await ask({ count: 3, durationMinutes: 30 });
  const high = await ask({ count: 3, durationMinutes: 30, priority: 5 });
  expect(await problem(ask({ priority: 1, principal: { ...ADMIN, role: "user" } }))).toMatchObject({
    kind: "admins_only",
  });
  expect((await view(told.id)).startsAt).toEqual(told.startsAt);
  expect([high.position, (await view(told.id)).position]).toEqual([1, 2]);
  // What becomes free goes to the one with the higher priority: both are planned again.
  await release(pool.deps, full.id);
  await until(
    "one has started",
    10_000,
    async () => (await stateOf(told.id)) !== "queued" || (await stateOf(high.id)) !== "queued",
  );
});

test("labels, names and exceptions choose machines, at once and in the queue", async () => {
  await pool.sql(`UPDATE machines SET labels = '{"ram":"64","zone":"b"}' WHERE name = 'stub-2'`);
  const picked = (await ask({ where: "ram >= 32" })).machines.map(({ machine }) => machine);
  expect(picked).toEqual(["stub-2"]);
  const waits = await ask({ where: 'zone == "b"' });
  expect([waits.state, ...waits.machines.map(({ machine }) => machine)]).toEqual(["queued", "stub-2"]);
  // Others aren't held up: their machines are free.
  expect((await ask({ except: ["stub-2", "stub-3"] })).machines).toMatchObject([{ machine: "stub-1" }]);
  expect((await ask({ machines: ["stub-3"] })).machines).toMatchObject([{ machine: "stub-3" }]);
  expect(await problem(ask({ machines: ["stub-3"], count: 2 }))).toMatchObject({ kind: "invalid_request" });
  await pool.sql("UPDATE machines SET labels = '{}'");
});

test("a machine that fails while its turn comes: another that it may have, or it waits again and is told why", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({ except: ["stub-3"] });
  const broken = () => {
    throw new MachineFault("unreachable", "no route");
  };
  pool.creates.set(1, broken);
  pool.creates.set(2, broken);
  await release(pool.deps, full.id);
  await until("it waits again", 10_000, async () => (await view(id)).delay !== null);
  await until("it is queued", 10_000, async () => (await stateOf(id)) === "queued");
  pool.creates.clear();
  await recover(pool.deps);
  await planNow(pool.deps);
  // Not at once: a machine that can be cleaned, but not prepared, would keep us busy.
  expect(await stateOf(id)).toBe("queued");
  expect(secondsBetween(await clock(), (await view(id)).startsAt)).toBeWithin(1, 11);
  await pool.sql("UPDATE reservations SET not_before = NULL WHERE id = ?", [id]);
  await planNow(pool.deps);
  await until("it has started", 10_000, async () => (await stateOf(id)) === "active");
  expect(["stub-1", "stub-2"]).toContain((await view(id)).machines[0]?.machine as string);
  const told = await pool.sql("SELECT action FROM events WHERE object = ? AND action LIKE '%requeued'", [id]);
  expect(told.length).toBeGreaterThan(0);
});

test("a refusal of the account fails it, with the words that it would have got at once", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({});
  for (const port of [1, 2, 3])
    pool.creates.set(port, () => {
      throw new MachineFault("foreign_account", "ann is somebody else");
    });
  await release(pool.deps, full.id);
  await until("it has failed", 10_000, async () => (await stateOf(id)) === "failed");
  expect(await view(id)).toMatchObject({ fault: "foreign_account" });
});

test("what a process claimed from the queue and left is back in the queue when its lease has run out", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({ count: 2 });
  const dead = anotherProcess(pool.deps);
  await release({ ...pool.deps, changes: new EventTarget() }, full.id);
  const { started } = await replan(dead);
  expect(started.map((one) => one.id)).toEqual([id]);
  expect(await stateOf(id)).toBe("preparing");
  const uid = async () => (await pool.sql("SELECT uid FROM reservations WHERE id = ?", [id]))[0].uid;
  const before = await uid();
  await pool.sql("UPDATE machines SET lease_until = '2020-01-01' WHERE reservation_id = ?", [id]);
  await recover(pool.deps);
  await until("it has started", 10_000, async () => (await stateOf(id)) === "active");
  // Its machines may have seen the first one, and would refuse it.
  expect(await uid()).not.toBe(before);
  // The dead process wakes up: it confirms nothing.
  await run(dead, started[0] as (typeof started)[0]);
  expect(await view(id)).toMatchObject({ state: "active", machines: [{}, {}] });
});

test("a process that was taken over while it prepared doesn't send back what another one prepares now", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({ count: 2 });
  const [dead, next] = [other(), other()];
  const none = new EventTarget();
  for (const one of [dead, next]) one.changes = none;
  await release({ ...pool.deps, changes: none }, full.id);
  const { started } = await replan(dead);
  await pool.sql("UPDATE machines SET lease_until = '2020-01-01' WHERE reservation_id = ?", [id]);
  await recover({ ...pool.deps, changes: none });
  const again = await replan(next);
  expect(again.started.map((one) => one.id)).toEqual([id]);
  await run(dead, started[0] as (typeof started)[0]);
  expect(await stateOf(id)).toBe("preparing");
  await run(next, again.started[0] as (typeof started)[0]);
  expect(await stateOf(id)).toBe("active");
});

test("a uid that a machine refuses is no fault of the request: it waits again, and gets another", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({ count: 3 });
  const seen = new Set<number>();
  pool.creates.set(1, (uid) => {
    seen.add(uid);
    if (seen.size < 2) throw new MachineFault("uid_taken", "taken", uid);
  });
  await release(pool.deps, full.id);
  await until("it waits again", 10_000, async () => (await view(id)).delay !== null);
  await pool.sql("UPDATE reservations SET not_before = NULL WHERE id = ?", [id]);
  await until("it has started", 10_000, async () => {
    await recover(pool.deps);
    await planNow(pool.deps);
    return (await stateOf(id)) === "active";
  });
  expect(seen.size).toBe(2);
});

test("one that is released while its accounts are made leaves nothing behind", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({ count: 2 });
  let made = 0;
  for (const port of [1, 2, 3])
    pool.creates.set(port, () => {
      made++;
    });
  const { started } = await (async () => {
    await release({ ...pool.deps, changes: new EventTarget() }, full.id);
    return replan(pool.deps);
  })();
  expect((await release(pool.deps, id)).inProgress).toHaveLength(2);
  await run(pool.deps, started[0] as (typeof started)[0]);
  expect(await stateOf(id)).toBe("ended");
  expect(made).toBeLessThanOrEqual(2);
});

/** Asks as clients are told to: with a key, and once more where the database was too slow to say what became of it. */
const reserveSurely = (deps: typeof pool.deps, input: ReserveInput) =>
  until("it is answered", 30_000, () =>
    reserve(deps, input).catch((error) => {
      if (isUnavailable(error) || error.kind === "outcome_unknown") return undefined;
      throw error;
    }),
  );

test("100 requests from two processes at once: each is told a start, in turn, and no machine is promised twice", async () => {
  const [one, two] = [pool.deps, other()];
  const full = await ask({ count: 3, durationMinutes: 20 });
  const told = await Promise.all(
    names(100).map((username, n) =>
      reserveSurely(n % 2 ? one : two, {
        principal: ADMIN,
        username,
        count: 1 + (n % 3),
        durationMinutes: 10,
        wait: 5000,
        idempotencyKey: username,
      }),
    ),
  );
  expect(new Set(told.map(({ state }) => state))).toEqual(new Set(["queued"]));
  for (const each of told) expect(secondsBetween(full.endsAt, each.startsAt)).toBeGreaterThanOrEqual(5);
  expect(await overlaps()).toEqual([]);
  const starts = async () =>
    (await Promise.all(told.map(({ id }) => view(id)))).map(({ startsAt }) => startsAt?.getTime() ?? 0);
  const before = await starts();
  expect(told.map(({ startsAt }) => startsAt?.getTime() ?? 0)).toEqual(before);
  // Half of them go: nobody starts later.
  await Promise.all(told.filter((_, n) => n % 2).map(({ id }) => release(two, id)));
  await planNow(one);
  const after = await starts();
  for (const [n, start] of after.entries())
    if (n % 2 === 0) expect(start).toBeLessThanOrEqual(before[n] as number);
  expect(await overlaps()).toEqual([]);
});

test("direct claims that race with the queue never take what is promised", async () => {
  for (let round = 0; round < 5; round++) {
    const held = await ask({ count: 2, durationMinutes: 20 });
    const two = other();
    const all = await Promise.all(
      names(10).map((username, n) =>
        problem(
          reserve(n % 2 ? pool.deps : two, {
            principal: ADMIN,
            username,
            count: 1 + (n % 3),
            durationMinutes: 30,
            wait: n % 4 ? 5000 : 0,
          }),
        ),
      ),
    );
    expect(all.filter((error) => error && error.kind !== "not_enough_machines")).toEqual([]);
    expect(await overlaps()).toEqual([]);
    const crossed =
      await pool.sql(`SELECT m.name FROM machines m JOIN reservations r ON r.id = m.reservation_id
      JOIN commitments c ON c.machine_id = m.id WHERE c.reservation_id <> r.id AND r.state IN ('preparing', 'active') AND c.busy_from < r.ends_at`);
    expect(crossed).toEqual([]);
    const left = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL AND id <> ?", [held.id]);
    for (const { id } of left)
      await release({ ...pool.deps, changes: new EventTarget() }, id).catch(() => {});
    await release(pool.deps, held.id);
    await until("all is free", 10_000, async () => {
      const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM machines WHERE state = 'available'");
      return n === 3;
    });
  }
});

test("a told start is kept", async () => {
  const full = await ask({ count: 3 });
  await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND WHERE id = ?", [
    full.id,
  ]);
  const { id, startsAt } = await ask({});
  const clock = setInterval(() => void expire(pool.deps).then(() => planDue(pool.deps)), 500);
  await until("it has started", 20_000, async () => (await stateOf(id)) === "active");
  clearInterval(clock);
  const begun = await view(id);
  expect(secondsBetween(startsAt, begun.startsAt)).toBeLessThanOrEqual(2);
});

test("who waits for a machine that is being cleaned, long after the start that was told, is told so", async () => {
  const full = await ask({ count: 3 });
  const { id } = await ask({});
  const machine = (await view(id)).machines[0]?.machine;
  await pool.sql("UPDATE reservations SET state = 'ending' WHERE id = ?", [full.id]);
  await pool.sql(
    "UPDATE machines SET state = 'cleaning', since = UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE, lease_until = UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE",
  );
  const told = new Date((await clock()).getTime() - 11_000);
  await pool.sql("UPDATE reservations SET starts_at = ? WHERE id = ?", [told, id]);
  await pool.sql("UPDATE commitments SET starts_at = ?, busy_from = ? WHERE reservation_id = ?", [
    told,
    told,
    id,
  ]);
  await planNow(pool.deps);
  await planNow(pool.deps);
  expect(await view(id)).toMatchObject({ state: "queued", delay: `${machine} takes longer to clean` });
  const events = await pool.sql("SELECT 1 FROM events WHERE object = ? AND action = 'reservation.delayed'", [
    id,
  ]);
  expect(events).toHaveLength(1);
  await pool.sql("UPDATE machines SET lease_until = NULL");
  await recover(pool.deps);
  await until("it has started", 10_000, async () => (await stateOf(id)) === "active");
});

test("the password isn't told to a client that is gone when its turn comes", async () => {
  const full = await ask({ count: 3, durationMinutes: 60 });
  const { id } = await ask({ count: 1 });
  await release(pool.deps, full.id);
  await until("it has started", 5000, async () => (await stateOf(id)) === "active");
  await collectStarted(pool.deps, id, ADMIN, 60, AbortSignal.abort());
  expect((await collectStarted(pool.deps, id, ADMIN, 60)).password).toHaveLength(22);
});
