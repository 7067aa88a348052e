import { cron } from "@elysiajs/cron";
import { Elysia } from "elysia";
import { type Deps, deps } from "../deps.ts";
import { reasonOf } from "../log.ts";

const running = new Set<Promise<unknown>>();

/**
 * A job on a schedule. A run that is still at work is not started a second time, and one that fails is logged and tried
 * again at its next time: the timer's own way with an error is to end the process.
 * @param pattern six fields, seconds first, in UTC
 */
export function job(name: string, pattern: string, work: (deps: Deps) => Promise<unknown>) {
  return new Elysia({ name: `cron-${name}` }).use(
    cron({
      name,
      pattern,
      timezone: "UTC",
      protect: true,
      catch: true,
      run: async () => {
        const run = work(deps());
        running.add(run);
        try {
          const done = await run;
          if (done) deps().log("debug", "job ran", { job: name, done });
        } catch (error) {
          deps().log("error", "job failed", { job: name, reason: reasonOf(error) });
        } finally {
          running.delete(run);
        }
      },
    }),
  );
}

/** Waits for the runs that are at work, at most so long. What is left then is recovered after its lease ran out. */
export async function finishRuns(milliseconds: number): Promise<void> {
  const limit = new Promise((go) => setTimeout(go, milliseconds).unref());
  await Promise.race([Promise.allSettled([...running]), limit]);
}
