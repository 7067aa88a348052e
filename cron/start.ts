import { cron } from "@elysiajs/cron";
import { Elysia } from "elysia";
import type { Deps } from "../deps.ts";
import { reasonOf } from "../log.ts";
import due from "./due.ts";
import expire from "./expire.ts";
import type { Job } from "./job.ts";
import plan from "./plan.ts";
import probe from "./probe.ts";
import prune from "./prune.ts";
import recover from "./recover.ts";
import replace from "./replace.ts";
import retry from "./retry.ts";
import series from "./series.ts";
import sweep from "./sweep.ts";

export const JOBS: readonly Job[] = [due, expire, plan, recover, replace, retry, probe, prune, series, sweep];

/**
 * Starts jobs. A job doesn't start while its last run is still going, and a run that fails is logged and tried again at
 * the next time: left to itself, the timer would end the process on an error.
 * @returns stops the timers, then waits at most so many milliseconds for running jobs; what they leave is recovered
 *   after its lease runs out
 */
export function startJobs(deps: Deps, jobs = JOBS): (milliseconds: number) => Promise<void> {
  const running = new Set<Promise<unknown>>();
  const runOf = (job: Job) => async () => {
    const run = job.run(deps);
    running.add(run);
    try {
      const done = await run;
      if (done) deps.log("debug", "job ran", { job: job.name, done });
    } catch (error) {
      deps.log("error", "job failed", { job: job.name, reason: reasonOf(error) });
    } finally {
      running.delete(run);
    }
  };
  const timers = jobs.map((job) => {
    const { name } = job;
    const pattern = typeof job.pattern === "string" ? job.pattern : job.pattern(deps.config);
    const plugin = cron({ name, pattern, timezone: "UTC", protect: true, catch: true, run: runOf(job) });
    return new Elysia().use(plugin).store.cron[name];
  });
  return async (milliseconds) => {
    for (const timer of timers) timer?.stop();
    const limit = new Promise((go) => setTimeout(go, milliseconds).unref());
    await Promise.race([Promise.allSettled([...running]), limit]);
  };
}
