// Two processes on one calendar, with fake machines: requests, bookings, extensions, releases and broken machines at random.
// The fault suite's checker watches (tests/faults/tools/calendar.ts), at every moment and at the end.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../../pool/accounts/faults.ts";
import { PoolError } from "../../../../pool/errors.ts";
import { ADMIN } from "../../../../pool/identity/principal.ts";
import { recover } from "../../../../pool/lifecycle/recover.ts";
import { retry } from "../../../../pool/lifecycle/retry.ts";
import { extend } from "../../../../pool/reservations/extend.ts";
import { release } from "../../../../pool/reservations/release.ts";
import { reserve } from "../../../../pool/reservations/reserve.ts";
import { planDue, planNow, planOnChange } from "../../../../pool/reservations/schedule/planner.ts";
import { checkPromises, checkStarts, restlessCalendar } from "../../../faults/tools/calendar.ts";
import { more, random, SEED } from "../../../faults/tools/table.ts";
import { anotherProcess, type StubPool, startStubPool } from "../../../support/stub_pool.ts";
import { until } from "../../../support/until.ts";

setDefaultTimeout(more(60_000));

const MACHINES = 8;
const CLIENTS = 8;
const MILLISECONDS = more(4000);
let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(MACHINES);
});
afterAll(() => pool.stop());

beforeEach(async () => {
  const ids = await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of ids) await release(pool.deps, id).catch(() => {});
});

/** A process whose steps on machines take a while. */
const process = (dice: () => number) => {
  const slow =
    <A extends unknown[], R>(step: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      await Bun.sleep(30 * dice());
      return step(...args);
    };
  const { accounts } = pool.deps;
  const deps = {
    ...anotherProcess(pool.deps),
    accounts: { ...accounts, create: slow(accounts.create), extend: slow(accounts.extend) },
  };
  planOnChange(deps);
  return deps;
};

const KINDS = ["at once", "queue", "booking"];

for (const kinds of [KINDS, ["at once", "booking"]])
  test(`${kinds.join(", ")}: no machine is promised twice, no told start moves without a reason, nothing is left half-done`, async () => {
    const dice = random(SEED);
    const checkable = { sql: pool.sql, machines: [] };
    const both = [process(dice), process(dice)];
    const one = () => both[Math.floor(2 * dice())] as (typeof both)[0];
    const bad = new Set<string>();
    const counts: Record<string, number> = {};
    const errors: unknown[] = [];
    let going = true;
    /** What a client may be told is no error of ours. */
    const told = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
      try {
        const done = await work;
        counts[what] = (counts[what] ?? 0) + 1;
        return done;
      } catch (error) {
        if (!(error instanceof PoolError)) errors.push(error);
        return undefined;
      }
    };
    const client = async (n: number) => {
      const mine: string[] = [];
      for (let turn = 0; going; turn++) {
        const kind = kinds[Math.floor(kinds.length * dice())] as string;
        const when =
          kind === "queue"
            ? { wait: 5000 }
            : kind === "booking"
              ? { startsAt: new Date(Date.now() + 1000 * (dice() < 0.5 ? 10 * dice() : 60 + 3600 * dice())) }
              : {};
        const got = await told(
          kind,
          reserve(one(), {
            principal: ADMIN,
            username: `r${kinds.length}n${n}x${turn}`,
            count: 1 + Math.floor(2 * dice()),
            durationMinutes: 5 + Math.floor(60 * dice()),
            ...when,
          }),
        );
        if (got) mine.push(got.id);
        const some = mine[Math.floor(mine.length * dice())];
        if (some && dice() < 0.3)
          await told("extend", extend(one(), some, { minutes: 1 + Math.floor(60 * dice()), atMost: true }));
        if (mine.length > 1 || dice() < 0.3) await told("release", release(one(), mine.shift() ?? ""));
      }
    };
    const breaker = async () => {
      while (going) {
        const port = 1 + Math.floor(MACHINES * dice());
        pool.creates.set(port, () => {
          throw new MachineFault("unreachable", "no route");
        });
        await Bun.sleep(100 * dice());
        pool.creates.delete(port);
        await Bun.sleep(300 * dice());
      }
    };
    const scheduler = async () => {
      for (let n = 0; going; n++) {
        await planDue(one());
        if (n % 5 === 0) await recover(one());
        await retry(one());
        await Bun.sleep(100);
      }
    };
    const watcher = async () => {
      while (going) {
        for (const line of await checkPromises(checkable)) bad.add(line);
        await Bun.sleep(10);
      }
    };
    const all = [...Array.from({ length: CLIENTS }, (_, n) => client(n)), breaker(), scheduler(), watcher()];
    // On a busy machine it takes longer until each has happened.
    const lacking = () => [...kinds, "extend", "release"].filter((what) => !counts[what]);
    const from = performance.now();
    await until(
      "each has happened",
      30_000,
      () => performance.now() - from > MILLISECONDS && lacking().length === 0,
    ).catch(() => {});
    going = false;
    await Promise.all(all);
    const clock = setInterval(() => void planDue(one()).then(() => recover(one())), 500);
    await planNow(one());
    let left: string[] = [];
    await until("the calendar is at rest", 20_000, async () => {
      left = await restlessCalendar(checkable);
      return left.length === 0;
    }).catch(() => {});
    clearInterval(clock);
    for (const line of [...left, ...(await checkPromises(checkable)), ...(await checkStarts(checkable))])
      bad.add(line);
    console.log(JSON.stringify(counts));
    expect([...bad].slice(0, 10)).toEqual([]);
    expect(errors).toEqual([]);
    expect(lacking()).toEqual([]);
  });
