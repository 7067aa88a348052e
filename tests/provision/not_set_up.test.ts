// In a checkout where something is missing, a recipe says what to type.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-not-set-up-"));
  for (const name of ["provision", "Justfile", ".env.example"])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("before setup every recipe that needs it says: just setup", async () => {
  for (const recipe of ["check", "status", "logs", "clean", "token", "provision"]) {
    const { code, stdout, stderr } = await run(["just", recipe], { MODE: "native" }, folder);
    expect(code, recipe).not.toBe(0);
    expect(stdout + stderr).toBe("This checkout isn't set up yet; type: just setup\n");
  }
});

test("just check without ShellCheck says: just setup --tests", async () => {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "bun"));
  const checked = await run(["/bin/sh", "provision/bun.sh", "provision/checks/check.ts"], { PATH: bin });
  expect(checked).toEqual({
    code: 1,
    stdout: "",
    stderr: "check: ShellCheck is missing; type: just setup --tests\n",
  });
});
