// `just check`: types, lint and format, and ShellCheck on all shell scripts of the repository.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../script/children.ts";
import { Stop, script } from "../script/say.ts";
import { ROOT } from "../script/settings.ts";

/** Shell scripts whose names don't show it. */
const MORE_SHELL = [".ci/run"];
/** Parts of one script, put together when it is sent to a machine: a part has no shebang, and uses names from other parts. */
const PARTS = "pool/accounts/scripts/";
const ELSEWHERE = /^(node_modules|\.local|\.git)\//;

/** All shell scripts of the repository. */
function shellFiles(): { whole: string[]; parts: string[] } {
  const found = [...new Bun.Glob("**/*.sh").scanSync({ cwd: ROOT, dot: true })];
  const ours = [...found, ...MORE_SHELL].filter((path) => !ELSEWHERE.test(path)).sort();
  return {
    whole: ours.filter((path) => !path.startsWith(PARTS)),
    parts: ours.filter((path) => path.startsWith(PARTS)),
  };
}

await script("check", async () => {
  const local = (name: string) => join(ROOT, "node_modules/.bin", name);
  for (const name of ["tsc", "biome"])
    if (!existsSync(local(name))) throw new Stop(`${name} is missing; type: just setup`);
  if (!Bun.which("shellcheck")) throw new Stop("ShellCheck is missing; type: just setup --tests");
  const { whole, parts } = shellFiles();
  const steps = [
    ["bun", "--bun", local("tsc"), "--noEmit"],
    ["bun", "--bun", local("biome"), "check", "."],
    ["shellcheck", ...whole],
    // SC2034, SC2154: set in one part, used in another. SC2015: in `A && B || fail`, `fail` is meant for both.
    ["shellcheck", "--shell=sh", "--exclude=SC2015,SC2034,SC2154", ...parts],
  ];
  for (const step of steps) {
    const code = await run(step, { cwd: ROOT });
    if (code !== 0) return code;
  }
  return 0;
});
