import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "../../provision/script/settings.ts";
import { ROOT, run } from "../support/run.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-settings-"));
  for (const name of ["provision", ".env.example", "bunfig.toml"])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  rmSync(join(folder, "provision/machines.txt"), { force: true });
  // Nothing to install: these tests are about .env.
  writeFileSync(join(folder, "package.json"), '{ "name": "empty" }');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const names = ["SECRET_KEY", "DATABASE_PASSWORD", "DATABASE_OWNER_PASSWORD", "HTTPS_PORT", "HTTP_PORT"];
const env = { MODE: "native", ...Object.fromEntries(names.map((name) => [name, ""])) };
const setup = () => run(["provision/setup.sh"], env, folder);
const dotEnv = () => readFileSync(join(folder, ".env"), "utf8");
/** Reads `text` as .env: the values of the names, and the warnings. */
function loaded(text: string, names: string[], more: Record<string, string> = {}) {
  writeFileSync(join(folder, ".env"), text);
  const said: string[] = [];
  const settings = readSettings(folder, more, (line) => said.push(line));
  return { values: names.map((name) => settings.get(name)), said: said.join("\n") };
}
/** `native up` in a checkout that can't start. */
function up(text: string) {
  writeFileSync(join(folder, ".env"), text);
  for (const name of ["config.ts", "settings.ts"]) cpSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const none = { DATABASE_URL: "", DATABASE_OWNER_URL: "", ADMIN_TOKEN: "", PUBLISH_ADDRESS: "" };
  return run(["provision/bun.sh", "provision/stack.ts", "native", "up"], { ...env, ...none }, folder);
}

test("setup makes .env with fresh secrets, readable only by its owner, and leaves it alone afterwards", async () => {
  const first = await setup();
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
  expect(dotEnv()).toMatch(/^SECRET_KEY=[A-Za-z0-9+/]{43}=$/m);
  expect(dotEnv()).toMatch(/^DATABASE_PASSWORD=[0-9a-f]{48}$/m);
  expect(dotEnv()).toMatch(/^DATABASE_OWNER_PASSWORD=[0-9a-f]{48}$/m);
  const before = dotEnv();
  expect(first.stdout).not.toContain(/SECRET_KEY=(.*)/.exec(before)?.[1] ?? "");
  expect((await setup()).stdout).toBe("");
  expect(dotEnv()).toBe(before);
});

test("setup adds what .env lacks and changes nothing else in it", async () => {
  writeFileSync(join(folder, ".env"), "# mine\nSECRET_KEY=keep-this\nHISTORY_DAYS=7\n", { mode: 0o644 });
  expect((await setup()).code).toBe(0);
  expect(dotEnv()).toMatch(
    /^# mine\nSECRET_KEY=keep-this\nHISTORY_DAYS=7\nDATABASE_PASSWORD=[0-9a-f]{48}\nDATABASE_OWNER_PASSWORD=[0-9a-f]{48}\n$/,
  );
  expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
});

test("setup makes no new key for a database that an old key has encrypted", async () => {
  mkdirSync(join(folder, ".local/mysql/data"), { recursive: true });
  const refused = await setup();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("restore .env");
});

test(".env is read as text: quotes, comments and dollars, and nothing in it is run", () => {
  const text = [
    "SECRET_KEY=abc+/def=",
    'ADMIN_TOKEN="a # b $(touch ran)"',
    "export HTTPS_PORT=9443   # ours",
    "HTTP_PORT='8088'",
    "PORT=$(touch ran)",
    "no setting at all",
  ].join("\n");
  const names = ["SECRET_KEY", "ADMIN_TOKEN", "HTTPS_PORT", "HTTP_PORT", "PORT"];
  const { values, said } = loaded(text, names, { ADMIN_TOKEN: "", PORT: "" });
  expect(values).toEqual(["abc+/def=", "a # b $(touch ran)", "9443", "8088", "$(touch ran)"]);
  expect(said).toBe("");
  expect(existsSync(join(folder, "ran"))).toBe(false);
});

test("the environment overrides .env, and an unknown name is reported", () => {
  const { values, said } = loaded("HTTPS_PORT=1\nHTTPS_PROT=2\nPATH=/nowhere\n", ["HTTPS_PORT"], {
    HTTPS_PORT: "8444",
  });
  expect(values).toEqual(["8444"]);
  expect(said).toContain("HTTPS_PROT is not a setting");
  expect(said).toContain("PATH is not a setting");
});

test("the stack is not published beyond this machine without a token", async () => {
  const refused = await up("DATABASE_PASSWORD=x\nDATABASE_OWNER_PASSWORD=y\nPUBLISH_ADDRESS=0.0.0.0\n");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("set ADMIN_TOKEN");
});

test("a password that SQL would misread stops the start, and is not shown", async () => {
  const quoted = await up("DATABASE_PASSWORD=x\nDATABASE_OWNER_PASSWORD=it's\n");
  expect(quoted.code).toBe(1);
  expect(quoted.stderr).toContain("DATABASE_OWNER_PASSWORD in .env");
  expect(quoted.stderr).not.toContain("it's");
});

test("only one of the two database users of your own stops the start", async () => {
  const half = await up(
    "DATABASE_PASSWORD=x\nDATABASE_OWNER_PASSWORD=y\nDATABASE_OWNER_URL=mysql://o:p@h/d\n",
  );
  expect(half.code).toBe(1);
  expect(half.stderr).toContain("set both, or neither");
});
