// What must be installed, and how: packages from Debian and npm.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Mode } from "../mode.ts";
import { ask } from "../script/children.ts";
import { note, Stop, say } from "../script/say.ts";
import { aptGet } from "./apt.ts";
import { withoutServices } from "./services.ts";

/** command (or file) → Debian package, so that checking what is missing is quick */
const ALWAYS = {
  "ansible-playbook": "ansible",
  openssl: "openssl",
  curl: "curl",
  ssh: "openssh-client",
  ss: "iproute2",
  flock: "util-linux",
  ps: "procps",
};
const NATIVE = {
  mariadbd: "mariadb-server",
  nginx: "nginx",
  sshd: "openssh-server",
  "s6-svscan": "s6",
  setpriv: "util-linux",
  unshare: "util-linux",
};
const TESTS = {
  chromium: "chromium",
  envsubst: "gettext-base",
  sudo: "sudo",
  faketime: "faketime",
  "systemd-analyze": "systemd",
  shellcheck: "shellcheck",
};
/** Ansible's Docker modules use this library for HTTP. */
const DOCKER = { "/usr/share/doc/python3-requests": "python3-requests" };
/** setup.sh installs Bun and just. */
const NPM_TESTS = { deno: "deno@2.9.6" };

/** `npx` puts temporary commands on PATH, which do not count. */
const lasting = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("/_npx/"))
  .join(delimiter);
const there = (name: string) =>
  name.startsWith("/") ? existsSync(name) : Bun.which(name, { PATH: lasting }) !== null;
const missing = (wanted: Record<string, string>) => [
  ...new Set(Object.entries(wanted).flatMap(([name, found]) => (there(name) ? [] : [found]))),
];

/** The Debian packages to install for a mode. @param tests also what the tests use */
export function missingDebian(mode: Mode, tests: boolean): string[] {
  return missing({
    ...ALWAYS,
    ...(mode === "native" || tests ? NATIVE : {}),
    ...(tests ? TESTS : {}),
    ...(mode === "docker" ? DOCKER : {}),
  }).sort();
}

/** The same from npm. */
export const missingNpm = (tests: boolean): string[] => missing(tests ? NPM_TESTS : {});

/** Installs them, and keeps the services that come with them off. */
export async function installDebian(packages: string[]): Promise<void> {
  if (packages.length === 0) return;
  say(`setup: installing ${packages.join(" ")} (Debian; this takes a minute or two)`);
  const left = await withoutServices(() =>
    logged(async (log) => {
      await aptGet(["update"], log);
      await aptGet(["install", "-y", "--no-install-recommends", ...packages], log);
    }),
  );
  if (left.length > 0) say(`setup: the services that came with them stay off: ${left.join(" ")}`);
}

/** Installs them for everybody on this machine. @throws Stop if npm fails */
export async function installNpm(packages: string[]): Promise<void> {
  if (packages.length === 0) return;
  say(`setup: installing ${packages.join(" ")} (npm)`);
  const installed = await ask(["npm", "install", "--global", "--no-fund", "--no-audit", ...packages]);
  if (installed.code === 0) return;
  note(installed.stdout + installed.stderr);
  throw new Stop(`npm could not install ${packages.join(" ")}: see above`);
}

/** Works with a log, which is shown and kept on failure, and removed on success. */
async function logged(work: (log: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "machine-manager-setup-"));
  const file = join(folder, "log");
  writeFileSync(file, "");
  try {
    await work(file);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    note(readFileSync(file, "utf8").trimEnd().split("\n").slice(-20).join("\n"));
    throw new Stop(`${error.message} (all of its output: ${file})`);
  }
  rmSync(folder, { recursive: true });
}
