// `just test`: runs the tests that the arguments name; without any all of them, and those that break things on purpose at the
// end. Whatever the tests leave in their temporary folder is a failure, too.
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atSignal, type Env, run } from "../script/children.ts";
import { script, tell } from "../script/say.ts";
import { ROOT } from "../script/settings.ts";

/** Some of it goes a moment after its test process has ended, however that ended. */
const LEFT_MS = 15_000;

const left = (folder: string) => readdirSync(folder).filter((name) => /^(mm|machine-manager)-/.test(name));

async function runTests(words: string[], env: Env): Promise<number> {
  const bun = (...more: string[]) => run(["bun", "--no-env-file", ...more], { cwd: ROOT, env });
  if (words.length > 0) return bun("test", ...words);
  const code = await bun("test", "--path-ignore-patterns", "tests/faults/**");
  return (await bun("provision/checks/faults.ts")) || code;
}

await script("test", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mm-tests."));
  chmodSync(folder, 0o1777); // some work in there as other users
  const remove = () => rmSync(folder, { recursive: true, force: true });
  atSignal(remove);
  try {
    const code = await runTests(process.argv.slice(2), { ...process.env, TMPDIR: folder });
    const deadline = performance.now() + LEFT_MS;
    while (left(folder).length > 0 && performance.now() < deadline) await Bun.sleep(200);
    const names = left(folder).sort();
    if (names.length === 0) return code;
    tell(`test: the tests left in ${folder}: ${names.join(" ")}`);
    return code || 1;
  } finally {
    remove();
  }
});
