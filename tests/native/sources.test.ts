// The copy of the sources that the program runs from as root: what the Docker image has, readable by all, and nothing else.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

let folder: string;
let from: string;
let to: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mm-sources-"));
  [from, to] = [join(folder, "checkout"), join(folder, "copy")];
  mkdirSync(from);
  const allowed = readFileSync(join(ROOT, ".dockerignore"), "utf8").matchAll(/^!([\w./-]+)$/gm);
  for (const [, name = ""] of allowed) cpSync(join(ROOT, name), join(from, name), { recursive: true });
  for (const name of readdirSync(ROOT).filter((one) => one.endsWith(".ts")))
    cpSync(join(ROOT, name), join(from, name));
  cpSync(join(ROOT, "provision/native/service.sh"), join(from, "provision/native/service.sh"));
  symlinkSync(join(ROOT, "node_modules"), join(from, "node_modules"));
  // Files that people keep there.
  for (const name of ["header.txt", "rack-8.json", "pool/notes.txt", "routes/.secret.ts.swp"])
    writeFileSync(join(from, name), "private");
  symlinkSync("/etc/passwd", join(from, "pool/link.ts"));
  await run(["chmod", "-R", "go=", from]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const copy = () => run(["bun", "--no-env-file", "provision/native/sources.ts", from, to]);
const files = (at: string) =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name).slice(at.length + 1))
    .sort();

test("it has what the image has, and nothing else from the checkout", async () => {
  expect(await copy()).toMatchObject({ code: 0, stderr: "" });
  const ours = ["header.txt", "rack-8.json", "pool/notes.txt", "routes/.secret.ts.swp"];
  const scripts = ["bun.lock", "provision/docker/again.sh"]; // the image's, not the program's
  expect(files(to)).toEqual(files(from).filter((name) => ![...ours, ...scripts].includes(name)));
  for (const name of files(to))
    expect(`${name} ${statSync(join(to, name)).mode & 0o044}`).toBe(`${name} ${0o044}`);
  expect(statSync(join(from, "server.ts")).mode & 0o077).toBe(0);
  // It is enough to run the program.
  const help = await run(["bun", "--no-env-file", "server.ts", "migrate", "--help"], {}, to);
  expect(help).toMatchObject({ code: 0 });
});

test("a second run picks up changes, additions and removals", async () => {
  const before = statSync(join(to, "app.ts")).mtimeMs;
  writeFileSync(join(from, "log.ts"), "// changed");
  writeFileSync(join(from, "pool/new.ts"), "// new");
  chmodSync(join(from, "pool/new.ts"), 0o600);
  rmSync(join(from, "cron/prune.ts"));
  expect((await copy()).code).toBe(0);
  expect(readFileSync(join(to, "log.ts"), "utf8")).toBe("// changed");
  expect(statSync(join(to, "pool/new.ts")).mode & 0o777).toBe(0o644);
  expect(existsSync(join(to, "cron/prune.ts"))).toBe(false);
  expect(statSync(join(to, "app.ts")).mtimeMs).toBe(before);
});
