// The jobs' timers, with jobs of this file: no database, no machine.
import { expect, setDefaultTimeout, test } from "bun:test";
import { JOBS, startJobs } from "../../cron/start.ts";
import type { Deps } from "../../deps.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

const EVERY_SECOND = "* * * * * *";
const lines: unknown[] = [];
const deps = {
  config: { server: { expireEverySeconds: 7 } },
  log: (...line: unknown[]) => lines.push(line),
} as unknown as Deps;

test("importing the jobs starts nothing; each has a unique name and a pattern in six fields", () => {
  expect(new Set(JOBS.map(({ name }) => name)).size).toBe(JOBS.length);
  for (const { pattern } of JOBS) {
    const text = typeof pattern === "string" ? pattern : pattern(deps.config);
    expect(text.split(" ")).toHaveLength(6);
  }
  const expire = JOBS.find(({ name }) => name === "expire")?.pattern;
  expect(typeof expire === "function" && expire(deps.config)).toBe("*/7 * * * * *");
});

test("a run that fails is logged and retried; a running job is not started twice, and stopping waits for it", async () => {
  let [fails, starts, ended] = [0, 0, false];
  let finish = () => {};
  const stop = startJobs(deps, [
    { name: "fails", pattern: EVERY_SECOND, run: () => Promise.reject(new Error(`no ${++fails}`)) },
    {
      name: "long",
      pattern: EVERY_SECOND,
      run: () => {
        starts++;
        return new Promise<number>((done) => {
          finish = () => {
            ended = true;
            done(1);
          };
        });
      },
    },
  ]);
  await until("the failing job was tried again", 10_000, async () => fails >= 2);
  expect(starts).toBe(1);
  expect(lines).toContainEqual(["error", "job failed", { job: "fails", reason: "Error: no 1" }]);
  setTimeout(() => finish(), 50);
  await stop(5000);
  expect(ended).toBe(true);
  const before = fails;
  // Nothing runs any more: the next second's timer would have fired.
  const stopOther = startJobs(deps, [{ name: "other", pattern: EVERY_SECOND, run: async () => ++starts }]);
  await until("another timer's second is over", 10_000, async () => starts > 1);
  await stopOther(0);
  expect(fails).toBe(before);
});
