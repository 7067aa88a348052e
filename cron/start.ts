import { Elysia } from "elysia";
import expire from "./expire.ts";
import { finishRuns } from "./job.ts";
import probe from "./probe.ts";
import prune from "./prune.ts";
import recover from "./recover.ts";
import retry from "./retry.ts";
import sweep from "./sweep.ts";

/**
 * Starts every job. Importing this file starts the timers already: only server.ts may.
 * @returns stops the timers, then waits at most so many milliseconds for the runs at work
 */
export function startJobs(): (milliseconds: number) => Promise<void> {
  const jobs = new Elysia().use(expire).use(recover).use(retry).use(probe).use(prune).use(sweep);
  return async (milliseconds) => {
    for (const timer of Object.values(jobs.store.cron)) timer.stop();
    await finishRuns(milliseconds);
  };
}
