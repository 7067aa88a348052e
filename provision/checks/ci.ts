// What `.ci/run` does: starts a Docker engine if the environment has the tools for it, runs the README's test command and the
// others, and ends with the total of their tests: `N passed, N failed`.
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, onSignal, run } from "../script/children.ts";
import { say, script } from "../script/say.ts";
import { ROOT } from "../script/settings.ts";
import { type Counts, countsOf, failuresOf, summary } from "./counts.ts";

const TOOLS = join(ROOT, "../shared/tools/docker");
const IMAGES = ["mariadb:11", "oven/bun:1.4", "nginx:1.28-alpine", "alpine:3.22"];
/** The README's, and then the others (CONTRIBUTING.md). */
const README_COMMAND = ["npx", "--yes", "rust-just", "test"];
const COMMANDS = [
  README_COMMAND,
  ...["browser", "native", "docker", "faults"].map((tier) => ["just", `test-${tier}`]),
];

/** Runs a tool, and shows its output if it fails. */
async function tool(name: string, words: string[], seconds: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "ci-tool."));
  const log = join(folder, "log");
  openSync(log, "w");
  // To a file, not a pipe, which an engine would keep open.
  const command = ["sh", "-c", 'exec "$@" >"$0" 2>&1', log, join(TOOLS, name), ...words];
  const code = await run(command, { seconds });
  if (code !== 0) say(readFileSync(log, "utf8").trimEnd().split("\n").slice(-20).join("\n"));
  rmSync(folder, { recursive: true });
  return code === 0;
}

/** Makes sure that a Docker engine answers, if possible. @returns the pid of one that was started for this run */
async function dockerEngine(): Promise<number | undefined> {
  if (!["engine.sh", "standins.sh"].every((name) => existsSync(join(TOOLS, name)))) {
    say("ci: no tools for a Docker engine here");
    return undefined;
  }
  let started: number | undefined;
  if ((await ask(["docker", "info"], { seconds: 10 })).code === 0)
    say("ci: a Docker engine is already running");
  else {
    say("ci: starting a Docker engine");
    if (!(await tool("engine.sh", [], 400))) {
      say("ci: no Docker engine, so the Docker tests will be skipped");
      return undefined;
    }
    started = Number(readFileSync("/var/run/docker.pid", "utf8"));
  }
  say("ci: making local images");
  if (!(await tool("standins.sh", IMAGES, 600)))
    say("ci: no local images, so the Docker tests will be skipped");
  return started;
}

/** Runs one of them, and passes its output on. */
async function tests(command: string[]): Promise<{ code: number; counts: Counts; failures: string[] }> {
  const child = Bun.spawn(["sh", "-c", 'exec "$@" 2>&1', "-", ...command], { cwd: ROOT, stdout: "pipe" });
  const forget = onSignal(() => child.kill());
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    await Bun.write(Bun.stdout, chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  forget();
  return { code: await child.exited, counts: countsOf(text), failures: failuresOf(text) };
}

await script("ci", async () => {
  const engine = await dockerEngine();
  const stop = () => {
    if (engine !== undefined && engine > 1) process.kill(engine, "SIGTERM");
  };
  onSignal(stop);
  try {
    const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
    const times: string[] = [];
    const failed: string[] = [];
    for (const command of COMMANDS) {
      const name = command.at(-1);
      say(`ci: ${command.join(" ")}`);
      const from = performance.now();
      const { code, counts, failures } = await tests(command);
      failed.push(...failures.map((one) => `ci: failed in ${name}:\n${one}`));
      times.push(`${name} ${Math.round((performance.now() - from) / 1000)} s`);
      // If something ended the tests without a summary, or made them fail outside of it, that is a failure too.
      if (counts.failed === 0 && (code !== 0 || counts.passed + counts.skipped === 0)) {
        say(`ci: ${name} ended with ${code} and ${counts.passed} passed tests`);
        counts.failed = 1;
      }
      for (const one of ["passed", "failed", "skipped"] as const) sum[one] += counts[one];
    }
    // Again, at the end: a record of a run may keep only that.
    for (const one of failed) say(one);
    say(`ci: ${times.join(", ")}`);
    say(summary(sum));
    return sum.failed === 0 ? 0 : 1;
  } finally {
    stop();
  }
});
