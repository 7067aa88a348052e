// `just test-faults`: runs the tests that break things on purpose, and ends with a table: fault, times injected, violations of
// the promise.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, onSignal, run } from "../script/children.ts";
import { Stop, say, script } from "../script/say.ts";
import { ROOT } from "../script/settings.ts";

/**
 * Those that go through all events one by one have no time limits: they use the processor time that the others, which mostly
 * wait, leave over, and are reported at the end.
 */
const SLOW = /\/(late|crash_\w+|services)\.test\.ts$/;

await script("test-faults", async () => {
  const words = process.argv.slice(2);
  const long = words[0] === "--long";
  if (words.length > (long ? 1 : 0))
    throw new Stop("usage: just test-faults [--long]   FAULT_SEED=N repeats a run", 2);
  const folder = mkdtempSync(join(tmpdir(), "fault-table."));
  const table = join(folder, "table");
  writeFileSync(table, "");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  onSignal(remove);
  try {
    const env = { ...process.env, FAULT_TABLE: table, ...(long ? { FAULT_LONG: "1" } : {}) };
    const place = { cwd: ROOT, env };
    const files = [...new Bun.Glob("tests/faults/*.test.ts").scanSync(ROOT)].sort();
    const slow = files.filter((file) => SLOW.test(file));
    // bunfig.toml leaves these out of a plain `bun test`.
    const test = ["bun", "--no-env-file", "test", "--path-ignore-patterns", "none"];
    const output = join(folder, "slow");
    const beside = ask(
      ["nice", "-n", "10", "sh", "-c", 'exec "$@" >"$0" 2>&1', output, ...test, ...slow],
      place,
    );
    const prompt = files.filter((file) => !SLOW.test(file));
    let code = await run([...test, ...prompt], place);
    say(`waiting for the rest: ${slow.join(" ")}`);
    code = (await beside).code || code;
    say(readFileSync(output, "utf8").trimEnd());
    await run(["bun", "--no-env-file", "tests/faults/tools/table.ts", table], place);
    return code;
  } finally {
    remove();
  }
});
