// `just test` itself: a test that leaves a folder behind fails.
import { afterAll, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

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
