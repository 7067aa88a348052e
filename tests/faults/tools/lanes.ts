// Kills a program at each of its events in turn, with several pools in parallel.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedDatabase } from "../../support/database.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { type Program, startProgram } from "../../support/program.ts";
import { until } from "../../support/until.ts";
import { injected, more } from "./table.ts";

const PRELOAD = join(import.meta.dir, "crash.preload.ts");

export interface Victim extends Program {
  /** counting begins now */
  arm(): Promise<void>;
  /** the event at which it died or stopped; "" if it did not */
  where(): string;
}

/** Starts a program that gets a signal at its n-th event after `arm()`. @param n 0: never, events are only recorded */
export async function startVictim(
  pool: TestPool,
  role: "api" | "scheduler",
  n: number,
  signal: NodeJS.Signals = "SIGKILL",
): Promise<Victim> {
  // In the folder that is removed however this process ends: bun test runs no exit handlers.
  const file = join((await sharedDatabase()).folder, `event-${crypto.randomUUID()}`);
  const program = await startProgram(
    { ...pool.settings, CRASH_AT: `${n}`, CRASH_FILE: file, CRASH_SIGNAL: signal },
    role,
    { preload: PRELOAD },
  );
  const where = () => {
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      return "";
    }
  };
  return Object.assign(program, {
    where,
    async arm() {
      program.signal("SIGUSR2");
      await until("the victim counts", 20_000, () => program.log().includes("armed"), 5);
    },
  });
}

/** More events than any operation has. */
const MOST = 200;
/** Of an operation with very many events, every other one; with --long, every one. */
export const EVERY_OTHER = more(2, 0.5);

/** One round: kills at event n. @returns the event's name ("" if the operation ended before it) and the violations */
export type Round = (pool: TestPool, n: number) => Promise<{ where: string; bad: string[] }>;

/**
 * Runs rounds n = 1, 2, … until one completes without being hit: then every event was.
 * @param step 2: only every other event, for what has very many of them
 * @returns the names of the events and the violations
 */
export async function enumerate(fault: string, pools: TestPool[], round: Round, step = 1) {
  const met: string[] = [];
  const bad: string[] = [];
  // What is in progress at the n-th event varies.
  for (let turns = more(1, 3); turns > 0; turns--) {
    let next = 1;
    let last = MOST;
    const take = () => {
      const n = next;
      next += step;
      return n;
    };
    await Promise.all(
      pools.map(async (pool) => {
        for (let n = take(); n <= last && bad.length < 5; n = take()) {
          const { where, bad: broken } = await round(pool, n);
          if (!where) last = Math.min(last, n - 1);
          else met[n - 1] = where;
          bad.push(...broken.map((line) => `${line} [killed at ${n}: ${where || "nothing"}]`));
          injected(fault, where ? 1 : 0, broken);
        }
      }),
    );
  }
  // Without the holes of a larger step.
  return { met: met.flat(), bad };
}

/** Parallel pools of two machines each. */
export function startLanes(count: number, prefix: string, scheduler: boolean): Promise<TestPool[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      startPool(2, {
        scheduler,
        prefix: `${prefix}${n + 1}-`,
        settings: { EXPIRE_EVERY: "1" },
      }),
    ),
  );
}
