import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-token-"));
  for (const part of ["provision", ".env.example", "config.ts", "settings.ts"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const token = () =>
  run(["provision/bun.sh", "provision/token.ts"], { ADMIN_TOKEN: "", MODE: "native" }, folder);

test("just token sets ADMIN_TOKEN in .env once, and keeps the rest and its mode", async () => {
  expect((await token()).stderr).toContain("just setup");
  const env = join(folder, ".env");
  writeFileSync(env, "# mine\nSECRET_KEY=keep\nADMIN_TOKEN=\nPORT=3001\n", { mode: 0o600 });
  const { code, stdout, stderr } = await token();
  expect(code).toBe(0);
  expect(stderr).toContain("shown this once");
  const made = /ADMIN_TOKEN=([0-9a-f]{64})\n/.exec(readFileSync(env, "utf8"))?.[1] as string;
  expect(readFileSync(env, "utf8")).toBe(`# mine\nSECRET_KEY=keep\nADMIN_TOKEN=${made}\nPORT=3001\n`);
  expect(statSync(env).mode & 0o777).toBe(0o600);
  // Only the token, so that TOKEN=$(just token) works.
  expect(stdout).toBe(`${made}\n`);
  const again = await token();
  expect(again.code).toBe(1);
  expect(again.stdout + again.stderr).not.toContain(made);
});
