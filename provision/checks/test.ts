// `just test` and its siblings: runs a tier of the tests, or the files that the arguments name. Anything left in their
// temporary folders is a failure too.
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Env, onSignal, run } from "../script/children.ts";
import { note, Stop, say, script } from "../script/say.ts";
import { isRoot, ROOT } from "../script/settings.ts";
import { waitFor } from "../script/wait.ts";

/** bunfig.toml leaves some out of a plain `bun test`; naming those requires undoing that. */
const EVERYWHERE = ["--path-ignore-patterns", "none"];
/** Tests mostly wait: for a process to start, for a machine. */
const WORKERS = availableParallelism() + 1;

type Bun = (words: string[], env: Env) => Promise<number>;
const bun: Bun = (words, env) => run(["bun", "--no-env-file", ...words], { cwd: ROOT, env });

/** Starts one database server for all processes of a run. @returns its socket, and how to stop it */
async function database(env: Env): Promise<{ socket: string; stop: () => Promise<unknown> }> {
  const child = Bun.spawn(["bun", "--no-env-file", "tests/support/run_database.ts"], {
    cwd: ROOT,
    env,
    stdin: "pipe",
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const socket = new TextDecoder().decode(value).trim();
  if (!socket) throw new Stop("the tests' database did not start");
  const stop = async () => {
    await child.stdin.end();
    return child.exited;
  };
  onSignal(stop);
  return { socket, stop };
}

/** Tests whose files run in parallel, with a database server that they share. */
async function parallel(env: Env, words: string[]): Promise<number> {
  const { socket, stop } = await database(env);
  try {
    return await bun(["test", `--parallel=${WORKERS}`, ...words], { ...env, TEST_DATABASE_SOCKET: socket });
  } finally {
    await stop();
  }
}

const TIERS: Record<string, (env: Env, words: string[]) => Promise<number>> = {
  // Everything that bunfig.toml doesn't leave out.
  "--fast": (env) => parallel(env, []),
  "--browser": (env) => parallel(env, [...EVERYWHERE, "tests/browser/"]),
  "--native": (env) => bun(["test", ...EVERYWHERE, "tests/native/", "tests/provision/"], env),
  "--docker": (env) => bun(["test", ...EVERYWHERE, "tests/docker/"], env),
  "--faults": (env, words) => bun(["provision/checks/faults.ts", ...words], env),
  async "--all"(env) {
    let code = 0;
    for (const tier of ["--fast", "--browser", "--native", "--docker", "--faults"])
      code = ((await TIERS[tier]?.(env, [])) ?? 0) || code;
    return code;
  },
};

function runTests(words: string[], env: Env): Promise<number> {
  const [first = "--fast", ...rest] = words;
  const tier = TIERS[first];
  return tier ? tier(env, rest) : bun(["test", ...EVERYWHERE, ...words], env);
}

/** Some of it disappears a moment after its test process has ended, however that ended. */
const LEFT_MS = 15_000;
/** These are removed by guards, however a test process ends, and tell them what to stop (tests/support). */
const GUARDED = /^mm-(machines|db|data)-/;
const RAM = "/dev/shm";

/** What a run left: in its folder, and its databases' data (tests/support/database.ts). */
function left(folder: string): string[] {
  const inRam = (name: string) => name.startsWith(`mm-data-${basename(folder)}-`);
  return [
    ...readdirSync(folder).filter((name) => /^(mm|machine-manager)-/.test(name)),
    ...readdirSync(RAM).filter(inRam),
  ];
}

await script("test", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mm-tests."));
  chmodSync(folder, 0o1777); // some work in there as other OS users
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const emptied = (of: RegExp) => waitFor(() => !left(folder).some((name) => of.test(name)), LEFT_MS, 200);
  onSignal(() => emptied(GUARDED).then(remove));
  const from = performance.now();
  try {
    const code = await runTests(process.argv.slice(2), { ...process.env, TMPDIR: folder });
    await emptied(/./);
    say(`test: ${Math.round((performance.now() - from) / 1000)} s`);
    if (code !== 0 && !isRoot) note("test: you are not root, and the tests that start machines need that");
    const names = left(folder).sort();
    if (names.length === 0) return code;
    note(`test: the tests left in ${folder} and ${RAM}: ${names.join(" ")}`);
    return code || 1;
  } finally {
    remove();
  }
});
