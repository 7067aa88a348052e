// `just test` itself: a test that leaves a folder behind fails.
import { afterAll, expect, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";
import { until } from "../support/until.ts";

const asRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), "mm-leaves-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one test, whose body is `body`, as `just test` does. */
function justTest(name: string, body: string) {
  const file = join(folder, `${name}.test.ts`);
  writeFileSync(
    file,
    `import { test } from "bun:test"; import { mkdtempSync, rmSync } from "node:fs"; import { tmpdir } from "node:os";
     test("it", () => { const made = mkdtempSync(tmpdir() + "/mm-crash-"); ${body} });`,
  );
  return run(["bun", "--no-env-file", "provision/checks/test.ts", file]);
}

test("a leftover folder fails the run, which names it and removes it", async () => {
  const tidy = await justTest("tidy", "rmSync(made, { recursive: true });");
  expect(tidy).toMatchObject({ code: 0 });
  const untidy = await justTest("untidy", "");
  expect(untidy.code).toBe(1);
  const [, place = ""] = /the tests left in (\S+) and \S+: mm-crash-\w+$/m.exec(untidy.stderr) ?? [];
  expect(place).toContain("mm-tests.");
  expect((await run(["ls", place])).code).not.toBe(0);
}, 60_000);

test("Ctrl-C: what the tests' guards still need is removed only when they are done", async () => {
  const [started, seen] = [join(folder, "started"), join(folder, "seen")];
  // As tests/support/machines.ts does: its end is noticed by a process in another session, which then reads the folder.
  const guard = `cat; sleep 1; cat made/state >${seen}; rm -r made`;
  const file = join(folder, "stops.test.ts");
  writeFileSync(
    file,
    `import { test } from "bun:test"; import { mkdtempSync, writeFileSync } from "node:fs"; import { tmpdir } from "node:os";
     test("it", async () => {
       const made = mkdtempSync(tmpdir() + "/mm-machines-");
       mkdtempSync(tmpdir() + "/mm-crash-"); // has no guard
       writeFileSync(made + "/state", "a pid");
       Bun.spawn(["setsid", "sh", "-c", ${JSON.stringify(guard)}.replaceAll("made", made)], { stdin: "pipe" });
       writeFileSync(${JSON.stringify(started)}, "");
       await new Promise(() => {});
     }, 60_000);`,
  );
  const ours = Bun.spawn(["bun", "--no-env-file", "provision/checks/test.ts", file], {
    cwd: ROOT,
    stdout: "ignore",
    stderr: "ignore",
  });
  await until("the test has started", 30_000, () => existsSync(started));
  const from = performance.now();
  ours.kill("SIGINT");
  expect(await ours.exited).toBe(130);
  expect(readFileSync(seen, "utf8")).toBe("a pid");
  expect(performance.now() - from).toBeLessThan(10_000);
}, 60_000);

test.skipIf(!asRoot)(
  "not root: if tests fail, it says that those that start machines need root",
  async () => {
    chmodSync(folder, 0o755);
    const checkout = join(folder, "checkout"); // ours may be where others can't read
    cpSync(join(ROOT, "provision"), join(checkout, "provision"), { recursive: true });
    const somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const says = async (name: string, body: string) => {
      const file = join(folder, `${name}.test.ts`);
      writeFileSync(file, `import { test } from "bun:test"; test("it", () => { ${body} });`);
      const command = ["env", "HOME=/nonexistent", "bun", "--no-env-file", "provision/checks/test.ts", file];
      const { code, stderr } = await run([...somebody, ...command], { TMPDIR: "/tmp" }, checkout);
      return {
        code,
        told: stderr.includes("test: you are not root, and the tests that start machines need that\n"),
      };
    };
    expect(await says("fails", "throw new Error()")).toEqual({ code: 1, told: true });
    expect(await says("works", "")).toEqual({ code: 0, told: false });
  },
  60_000,
);
