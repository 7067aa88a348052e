// kill -9 of the scheduler at every event of expire, recover, retry and probe; another one takes over.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestPool } from "../support/pool.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle } from "./tools/checker.ts";
import { enumerate, startLanes, startVictim } from "./tools/lanes.ts";
import { type Asked, Ledger } from "./tools/ledger.ts";
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

/** Prepares the database of a pool at rest for the scheduler. */
const WORK: Record<string, { least: number; make(pool: TestPool, mine: Asked): Promise<unknown> }> = {
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
};

for (const [name, work] of Object.entries(WORK))
  test(`the scheduler is killed at every event of ${name}`, async () => {
    const { met, bad } = await enumerate(`2 scheduler killed in ${name}`, pools, async (pool, n) => {
      const ledger = new Ledger();
      const [victim, mine] = await Promise.all([
        startVictim(pool, "scheduler", n),
        ledger.reserve(pool.api, `${name}${n}`, 2),
      ]);
      mine.ended = true;
      if (mine.outcome !== "granted") throw new Error(`can't set up: ${mine.status}`);
      await victim.arm();
      await work.make(pool, mine);
      const untouched = async () =>
        (
          await pool.sql(
            "SELECT 1 FROM machines WHERE state = 'available' AND probed_at < UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE",
          )
        ).length > 0;
      await until(
        "the victim died, or did all",
        40_000,
        async () => victim.gone() || (!(await untouched()) && (await restAndClean(pool))),
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
      pool.scheduler?.signal("SIGSTOP");
      return { where: died ? where : "", bad };
    });
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
