// How many of the pool's uids reservations use up: refused ones none, short ones one each. The database is real, the
// machines are stubs. By hand: bun tests/bench/uids.ts [REFUSED] [SHORT]; tests/pool/reservations/uid_use.test.ts runs a few of them.
import { PoolError } from "../../pool/errors.ts";
import { release } from "../../pool/reservations/release.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

/** Clients at once. */
const CLIENTS = 8;

export interface Use {
  refused: number;
  short: number;
  /** how far the last uid given advanced in each part */
  usedByRefused: number;
  usedByShort: number;
  /** different uids that the short ones had */
  different: number;
  seconds: [refused: number, short: number];
  /** the slowest short reservation, in milliseconds */
  slowest: number;
}

async function times(all: number, work: (n: number) => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let next = 0;
  const client = async () => {
    while (next < all) await work(next++);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (performance.now() - began) / 1000;
}

/** Requests too much `refused` times, then reserves and releases `short` times. @throws Error for an unexpected answer */
export async function useUids(pool: StubPool, refused: number, short: number): Promise<Use> {
  const last = async () =>
    Number((await pool.sql("SELECT value FROM settings WHERE name = 'last_uid'"))[0]?.value ?? 19_999);
  const start = await last();
  const first = await times(refused, async () => {
    const why = await pool.reserve("greedy", 100_000).catch((error) => error);
    if (!(why instanceof PoolError) || why.kind !== "never_enough") throw why;
  });
  const afterRefused = await last();
  let slowest = 0;
  const second = await times(short, async (n) => {
    const began = performance.now();
    const { id } = await pool.reserve(`short${n % 50}`);
    slowest = Math.max(slowest, performance.now() - began);
    await release(pool.deps, id);
  });
  const [row] = await pool.sql("SELECT COUNT(DISTINCT uid) AS n FROM reservations");
  return {
    refused,
    short,
    usedByRefused: afterRefused - start,
    usedByShort: (await last()) - afterRefused,
    different: Number(row.n),
    seconds: [first, second],
    slowest,
  };
}

if (import.meta.main) {
  const [refused = 100_000, short = 10_000] = process.argv.slice(2).map(Number);
  const pool = await startStubPool(2 * CLIENTS);
  const use = await useUids(pool, refused, short).finally(() => pool.stop());
  const [first, second] = use.seconds;
  console.log(
    `${use.refused} refused: ${use.usedByRefused} uids, ${Math.round(use.refused / first)} a second`,
  );
  console.log(
    `${use.short} short: ${use.usedByShort} uids, ${use.different} different, ${Math.round(use.short / second)} a second, slowest ${Math.round(use.slowest)} ms`,
  );
  process.exit();
}
