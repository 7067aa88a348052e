// The units of `just install-systemd`: systemd accepts them without complaint, and rates them as hardened as they should be.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../support/run.ts";

/** Of ten, as `systemd-analyze security` counts. */
const MOST_EXPOSED = 2.0;
const env = {
  MODE: "native",
  ...Object.fromEntries(
    ["DATABASE_URL", "DATABASE_OWNER_URL", "ADMIN_TOKEN", "PUBLISH_ADDRESS"].map((name) => [name, ""]),
  ),
};

let folder: string;
let units: string;
const native = (...words: string[]) =>
  run(["provision/bun.sh", "provision/stack.ts", "native", ...words], env, folder);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mm-systemd-"));
  units = join(folder, "units");
  mkdirSync(units);
  for (const name of readdirSync(ROOT, { withFileTypes: true }))
    if (![".git", ".local", ".env", "node_modules", "tests", "docs"].includes(name.name))
      cpSync(join(ROOT, name.name), join(folder, name.name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(
    join(folder, ".env"),
    "SECRET_KEY=of-the-test\nDATABASE_PASSWORD=theirs\nDATABASE_OWNER_PASSWORD=the-owners\n",
  );
  const written = await native("units", units);
  expect(written).toMatchObject({ code: 0, stderr: "" });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("there is one for each service, and none contains a secret", () => {
  const services = ["api", "db", "nginx", "scheduler"];
  expect(readdirSync(units).sort()).toEqual(services.map((name) => `machine-manager-${name}.service`));
  for (const name of services) {
    const unit = readFileSync(join(units, `machine-manager-${name}.service`), "utf8");
    expect(unit).toMatch(/^Restart=always\nRestartSec=1$/m);
    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(unit).not.toMatch(/of-the-test|theirs|the-owners/);
  }
});

test("systemd-analyze verify has nothing to say", async () => {
  const files = readdirSync(units).map((name) => join(units, name));
  expect(await run(["systemd-analyze", "verify", ...files])).toEqual({ code: 0, stdout: "", stderr: "" });
});

test(`systemd-analyze security finds an exposure of ${MOST_EXPOSED} at most`, async () => {
  for (const name of readdirSync(units)) {
    const looked = await run(["systemd-analyze", "security", "--offline=true", join(units, name)]);
    const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(looked.stdout)?.[1];
    expect(Number(exposure), `${name}: ${looked.stdout}${looked.stderr}`).toBeLessThanOrEqual(MOST_EXPOSED);
  }
});

test("without systemd the recipe says so, and what to do", async () => {
  const running = await run(["test", "-d", "/run/systemd/system"]);
  if (running.code === 0) return;
  const refused = await native("install-systemd");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("systemd is not running here (process 1 is ");
  expect(refused.stderr).toContain("just run");
  expect((await native("uninstall-systemd")).code).toBe(1);
});
