// setup on a machine where something is in the way: another apt is running, or the user is not root.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";
import { until } from "../support/until.ts";

const asRoot = process.getuid?.() === 0;

let folder: string;
let checkout: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-setup-"));
  chmodSync(folder, 0o755);
  checkout = join(folder, "checkout");
  mkdirSync(checkout);
  for (const name of ["provision", ".env.example", "package.json"])
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder with these commands: their text, or the path of the real one. */
function path(name: string, commands: Record<string, string>): string {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  for (const [command, text] of Object.entries(commands)) {
    if (text.startsWith("/")) symlinkSync(text, join(at, command));
    else writeFileSync(join(at, command), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return at;
}

/** Runs apt-get as setup does; here it is a script of ours. */
async function apt(name: string, text: string, words = ["install", "-y", "what-is-missing"]) {
  const bin = path(name, { "apt-get": `echo "$*" >>'${folder}/${name}.calls'\n${text}` });
  const program = `
    import { aptGet } from ${JSON.stringify(join(ROOT, "provision/setup/apt.ts"))};
    await aptGet(${JSON.stringify(words)}, ${JSON.stringify(join(folder, `${name}.log`))}, 20)
      .catch((error) => { console.error(error.message); process.exit(1); });
    process.exit(0);`;
  const ran = await run([process.execPath, "-e", program], { PATH: `${bin}:${process.env.PATH}` });
  return {
    ...ran,
    calls: readFileSync(join(folder, `${name}.calls`), "utf8")
      .trim()
      .split("\n"),
  };
}

for (const [what, words, complaint] of [
  [
    "the lists",
    ["update"],
    "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)",
  ],
  [
    "dpkg",
    ["install", "-y", "what-is-missing"],
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
  ],
] as const)
  test(`if the lock of ${what} is taken, it waits for apt, and says so once`, async () => {
    const mark = join(folder, `${words[0]}.count`);
    const text = `echo x >>'${mark}'; [ "$(wc -l <'${mark}')" -gt 2 ] || { printf '%s\\n' '${complaint}' >&2; exit 100; }`;
    const { code, stdout, calls } = await apt(words[0], text, [...words]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      "setup: another program is installing packages (apt-get, process 4711); waiting for it to finish\n",
    );
    expect(calls).toHaveLength(3);
    for (const call of calls) expect(call).toEndWith(words.join(" "));
  });

test("any other failure of apt is reported at once", async () => {
  const broken = await apt("broken", "echo 'E: Unable to locate package what-is-missing' >&2; exit 100");
  expect(broken).toMatchObject({ code: 1, stdout: "" });
  expect(broken.stderr).toContain("apt-get install -y what-is-missing failed with 100");
  expect(broken.calls).toHaveLength(1);
  expect(readFileSync(join(folder, "broken.log"), "utf8")).toContain("Unable to locate package");
});

test("Ctrl-C waits for apt, which may be in the middle of a package, and then ends with 130", async () => {
  const [working, done] = [join(folder, "working"), join(folder, "done")];
  // Like apt-get while dpkg runs: it reacts to SIGINT later, and dpkg must not be killed.
  const text = `trap '' INT; touch '${working}'; (sleep 1; touch '${done}'); exit 0`;
  const bin = path("busy", { "apt-get": text });
  const program = `
    import { aptGet } from ${JSON.stringify(join(ROOT, "provision/setup/apt.ts"))};
    await aptGet(["install"], ${JSON.stringify(join(folder, "busy.log"))});
    await new Promise(() => {});`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await until("apt is at work", 10_000, () => existsSync(working));
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(existsSync(done)).toBe(true);
});

/** Runs setup as an ordinary user who has only these commands. */
function setup(name: string, commands: Record<string, string>, words: string[]) {
  const bin = path(name, commands);
  const somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const env = ["env", "-i", `PATH=${bin}`, "MODE=native"];
  return run([...somebody, ...env, ...words], {}, checkout);
}
const script = (...words: string[]) => [process.execPath, "--no-env-file", "provision/setup.ts", ...words];

test.skipIf(!asRoot)("not root: it says what to type, with sudo if available", async () => {
  const said = await setup("with-sudo", { "apt-get": "exit 1", sudo: "exit 1" }, script("--tests"));
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/^setup: missing here: .*shellcheck/);
  expect(said.stderr).toContain(
    'Type this, then the same command again:\n  sudo env MODE=native PATH="$PATH" bash provision/setup.sh --packages --tests\n',
  );
  expect(existsSync(join(checkout, ".env"))).toBe(false);
});

test.skipIf(!asRoot)("not root, without sudo: it says what to type as root, and where", async () => {
  const said = await setup("without-sudo", { "apt-get": "exit 1" }, script("--tests"));
  expect(said.code).toBe(1);
  expect(said.stderr).not.toContain("sudo env");
  expect(said.stderr).toContain(`There is no sudo here. As root, in ${checkout}, type this`);
  expect(said.stderr).toContain(
    '\n  env MODE=native PATH="$PATH" bash provision/setup.sh --packages --tests\n',
  );
});

test.skipIf(!asRoot)("not root, without Bun: the same, with and without sudo", async () => {
  const tools = Object.fromEntries(
    ["tr", "grep", "paste", "id", "sort", "dirname", "bash"].map((name) => [name, Bun.which(name) ?? ""]),
  );
  const words = [Bun.which("bash") ?? "", "provision/setup.sh", "--tests"];
  const [alone, withSudo] = await Promise.all([
    setup("bare", { ...tools, npm: "exit 1" }, words),
    setup("bare-with-sudo", { ...tools, npm: "exit 1", sudo: "exit 1" }, words),
  ]);
  for (const { code, stderr } of [alone, withSudo]) {
    expect(code).toBe(1);
    expect(stderr).toContain("setup: missing here: bun@");
    expect(stderr).toContain('env MODE=native PATH="$PATH" bash provision/setup.sh --packages --tests\n');
  }
  expect(alone.stderr).toContain(`There is no sudo here. As root, in ${checkout}, type this`);
  expect(withSudo.stderr).toContain("\n  sudo env ");
});
