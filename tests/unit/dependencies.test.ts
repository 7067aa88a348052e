// The program's dependencies: locked, exact, without install scripts, and without known vulnerabilities if that can be checked.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

setDefaultTimeout(60_000);

test("every dependency is an exact version, and none may run code at install time", async () => {
  const manifest = await Bun.file(join(ROOT, "package.json")).json();
  const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version as string))).toEqual([]);
  expect(manifest.trustedDependencies).toBeUndefined();
  expect(await Bun.file(join(ROOT, "bunfig.toml")).text()).toMatch(/^ignoreScripts = true$/m);
  const locked = await run(["bun", "install", "--frozen-lockfile", "--dry-run", "--ignore-scripts"]);
  expect(`${locked.code} ${locked.stderr}`).toStartWith("0");
});

test("every dependency of the program has a license that an MIT program may ship with", async () => {
  const may = ["MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "Unlicense"];
  const found = new Map<string, string>();
  async function visit(name: string) {
    const file = Bun.file(join(ROOT, "node_modules", name, "package.json"));
    // Optional ones for other systems are not installed.
    if (found.has(name) || !(await file.exists())) return;
    const { license, licenses, dependencies, optionalDependencies } = await file.json();
    found.set(name, license ?? licenses?.[0]?.type ?? "none");
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) await visit(next);
  }
  const { dependencies } = await Bun.file(join(ROOT, "package.json")).json();
  for (const name of Object.keys(dependencies)) await visit(name);
  expect([...found].filter(([, license]) => !may.includes(license))).toEqual([]);
  expect([...found.keys()]).toEqual(expect.arrayContaining(Object.keys(dependencies)));
});

const audit = await run(["bun", "audit", "--prod"]);
// A mirror of the registry may not support audits.
const cannot = /^error: (GET|POST) .* - \d+|ConnectionRefused|Unable to connect|ENOTFOUND|timed out/im;
const unchecked = cannot.test(audit.stderr);
if (unchecked) console.warn(`not checked for known weaknesses: ${audit.stderr.trim()}`);

test.skipIf(unchecked)("no dependency of the program has a known weakness", () => {
  expect(`${audit.code} ${audit.stdout}`).toStartWith("0");
});
