// kill -9 of the scheduler at every event of expire, recover, retry and probe, of the plan, of a booking's start and of the
// replacement of a broken machine; another one takes over.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestPool } from "../support/pool.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle } from "./tools/checker.ts";
import { releaseAll } from "./tools/clients.ts";
import { EVERY_OTHER, enumerate, startLanes, startVictim } from "./tools/lanes.ts";
import { type Asked, Ledger, type More } from "./tools/ledger.ts";
import { more } from "./tools/table.ts";

setDefaultTimeout(more(400_000, 3));

let pools: TestPool[];
beforeAll(async () => {
  pools = await startLanes(5, "cs", true);
  for (const pool of pools) pool.scheduler?.signal("SIGSTOP");
});
afterAll(() => Promise.all(pools.map((pool) => pool.stop())));

const rest = async (pool: TestPool) =>
  (await pool.sql("SELECT 1 FROM machines WHERE state <> 'available'")).length === 0;

interface Work {
  /** how many events there are at the least */
  least: number;
  step?: number;
  /** how many machines are asked for (2), and how */
  count?: number;
  more?: () => More;
  /** Prepares the database of a pool at rest for the scheduler. */
  make(pool: TestPool, mine: Asked, ledger: Ledger): Promise<unknown>;
  /** whether the scheduler has done it; undefined: all machines are clean, for the reservation is over */
  done?(pool: TestPool, mine: Asked): Promise<boolean>;
}

const stateOf = async (pool: TestPool, id: string | null) =>
  (await pool.sql("SELECT state FROM reservations WHERE id = ?", [id]))[0]?.state;

const WORK: Record<string, Work> = {
  expire: {
    least: 10,
    make: (pool, { id }) => pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) WHERE id = ?", [id]),
  },
  // As left by an API that was killed before its last COMMIT.
  recover: {
    least: 10,
    make: async (pool, { id }) => {
      await pool.sql("UPDATE reservations SET state = 'preparing' WHERE id = ?", [id]);
      await pool.sql("UPDATE holds SET confirmed_at = NULL WHERE reservation_id = ?", [id]);
      await pool.sql(
        `UPDATE machines SET state = 'preparing', lease_worker = UUID(), lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND
         WHERE reservation_id = ?`,
        [id],
      );
    },
  },
  // As left by a release whose machines could not be cleaned.
  retry: {
    least: 10,
    make: async (pool, { id }) => {
      await pool.sql("UPDATE reservations SET state = 'ending' WHERE id = ?", [id]);
      await pool.sql(
        `UPDATE machines SET state = 'quarantined', fault = 'unreachable', retry_at = UTC_TIMESTAMP(3), retries = 3 WHERE reservation_id = ?`,
        [id],
      );
    },
  },
  // An offered machine with an account that the database does not know: probe finds it, retry removes it.
  probe: {
    least: 10,
    step: EVERY_OTHER,
    make: async (pool, { id }) => {
      await pool.sql(
        "UPDATE machines SET state = 'available', reservation_id = NULL, probed_at = probed_at - INTERVAL 1 HOUR WHERE reservation_id = ?",
        [id],
      );
      await pool.sql("UPDATE holds SET released_at = UTC_TIMESTAMP(3) WHERE reservation_id = ?", [id]);
      await pool.sql("UPDATE reservations SET state = 'ended', ended_at = UTC_TIMESTAMP(3) WHERE id = ?", [
        id,
      ]);
    },
  },
  // A booking whose lead begins.
  due: {
    least: 10,
    more: () => ({ startsAt: new Date(Date.now() + 300_000) }),
    async make(pool, { id }) {
      const start = new Date(Date.now() + 30_000);
      await pool.sql(
        "UPDATE events SET details = JSON_SET(details, '$.starts_at', ?) WHERE object = ? AND action IN ('reservation.booked', 'reservation.planned')",
        [start.toISOString(), id],
      );
      await pool.sql(
        "UPDATE commitments SET busy_from = ? - INTERVAL 1 MINUTE, starts_at = ?, ends_at = ? + INTERVAL 1 HOUR WHERE reservation_id = ?",
        [start, start, start, id],
      );
      await pool.sql("UPDATE reservations SET starts_at = ?, ends_at = ? + INTERVAL 1 HOUR WHERE id = ?", [
        start,
        start,
        id,
      ]);
    },
    done: async (pool, { id }) => (await stateOf(pool, id)) === "active",
  },
  // As left by an API that was killed between a request's place in the queue and its plan.
  plan: {
    least: 2,
    async make(pool, { username }, ledger) {
      const { id } = await ledger.reserve(pool.api, `w${username}`, 2, { wait: 600 });
      await pool.sql("UPDATE reservations SET starts_at = NULL WHERE id = ?", [id]);
      await pool.sql("DELETE FROM commitments WHERE reservation_id = ?", [id]);
    },
    done: async (pool) => (await pool.sql("SELECT 1 FROM commitments")).length === 2,
  },
  // A machine that was set aside for it had failed several probes.
  replace: {
    least: 6,
    count: 1,
    more: () => ({ replace: true }),
    async make(pool, { id }) {
      await pool.sql(
        `UPDATE machines SET state = 'quarantined', fault = 'unreachable', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE reservation_id = ?`,
        [id],
      );
      await pool.sql("UPDATE holds SET lacking = 1 WHERE reservation_id = ?", [id]);
    },
    // Or there is none any more that hasn't had its account: a machine gives no uid twice.
    done: async (pool, { id }) =>
      (
        await pool.sql(
          `SELECT 1 FROM machines WHERE state = 'reserved' AND reservation_id = ? UNION SELECT 1 FROM holds WHERE reservation_id = ?
           AND released_at IS NOT NULL GROUP BY reservation_id HAVING COUNT(DISTINCT machine_id) = 2`,
          [id, id],
        )
      ).length > 0,
  },
};

for (const [name, work] of Object.entries(WORK))
  test(`the scheduler is killed at every event of ${name}`, async () => {
    const { met, bad } = await enumerate(
      `2 scheduler killed in ${name}`,
      pools,
      async (pool, n) => {
        const ledger = new Ledger();
        const [victim, mine] = await Promise.all([
          startVictim(pool, "scheduler", n),
          ledger.reserve(pool.api, `${name}${n}`, work.count ?? 2, work.more?.()),
        ]);
        mine.ended = work.done === undefined;
        if (mine.id === null) throw new Error(`can't set up: ${mine.status}`);
        await victim.arm();
        await work.make(pool, mine, ledger);
        const untouched = async () =>
          (
            await pool.sql(
              "SELECT 1 FROM machines WHERE state = 'available' AND probed_at < UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE",
            )
          ).length > 0;
        await until(
          "the victim died, or did all",
          40_000,
          async () =>
            victim.gone() ||
            (work.done ? await work.done(pool, mine) : !(await untouched()) && (await restAndClean(pool))),
        );
        const where = victim.where();
        const died = victim.gone();
        await victim.stop("SIGKILL");
        await expireLeases(pool);
        // The one that takes over was there all the time, stopped.
        pool.scheduler?.signal("SIGCONT");
        const bad = await settle(pool);
        if (name === "probe") {
          await pool.sql("UPDATE machines SET probed_at = probed_at - INTERVAL 1 HOUR");
          await until(
            "all was asked, and is clean",
            40_000,
            async () => !(await untouched()) && (await restAndClean(pool)),
          );
        }
        bad.push(...(await check(pool, { ledger })));
        const { done } = work;
        if (done) {
          // What was sent back starts again in a moment.
          const over = until("it is done", 30_000, () => done(pool, mine));
          await over.catch(() => bad.push(`I10 ${name} was not done by the one that took over`));
          bad.push(...(await check(pool, { ledger })));
          for (const entry of ledger.asked) entry.ended = true;
          await releaseAll(pool, pool.api);
          bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
        }
        pool.scheduler?.signal("SIGSTOP");
        return { where: died ? where : "", bad };
      },
      work.step,
    );
    console.log(`${name}: ${met.length} events\n  ${met.join("\n  ")}`);
    expect(bad).toEqual([]);
    expect(met.length).toBeGreaterThanOrEqual(work.least);
  });

/** All offered, and none of our accounts on any machine. */
async function restAndClean(pool: TestPool): Promise<boolean> {
  if (!(await rest(pool))) return false;
  const texts = await Promise.all(pool.machines.map(({ root }) => Bun.file(`${root}/etc/passwd`).text()));
  return texts.every((text) => !text.split("\n").some((line) => /^[^:]*:[^:]*:[2-5]\d{4}:/.test(line)));
}
