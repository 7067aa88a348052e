// Installs what is missing, and makes .env. Quickly does nothing if all is there. (It needs no package itself.)
import { decideMode, type Mode } from "./mode.ts";
import { ask, asksHelp } from "./script/children.ts";
import { note, Stop, say, script } from "./script/say.ts";
import { ROOT, readSettings } from "./script/settings.ts";
import { makeDotEnv } from "./setup/dot_env.ts";
import { installDebian, installNpm, missingDebian, missingNpm } from "./setup/packages.ts";

const USAGE = `usage: provision/setup.sh [--tests] [--packages]

Installs what is missing for the mode that runs here (MODE=docker|native chooses it): Debian packages and, from npm, Bun
and just; then the program's own packages (\`bun install\`, which runs no install script), and .env.
No service that comes with a Debian package is started or enabled. If you are not root: prints what to type, and stops.
  --tests      also what the tests use (everything for native mode, Deno, Chromium, ShellCheck)
  --packages   only Debian's and npm's packages`;

export interface SetupOptions {
  mode: Mode;
  /** also what the tests use */
  tests?: boolean;
  /** don't touch the checkout */
  onlyPackages?: boolean;
}

/** Installs what is missing. @throws Stop with what to type if that takes root, or with what failed */
export async function setup({ mode, tests = false, onlyPackages = false }: SetupOptions): Promise<void> {
  const debian = missingDebian(mode, tests);
  const npm = missingNpm(tests);
  if (debian.length + npm.length > 0) {
    if (debian.length > 0 && !Bun.which("apt-get"))
      throw new Stop(`not a Debian machine; install these by hand: ${debian.join(" ")}`);
    if (process.getuid?.() !== 0) throw new Stop(askForRoot(mode, tests, [...debian, ...npm]));
    await installDebian(debian);
    await installNpm(npm);
    const left = [...missingDebian(mode, tests), ...missingNpm(tests)];
    if (left.length > 0) throw new Stop(`installed, but still not on PATH: ${left.join(" ")}`);
  }
  if (onlyPackages) return;
  // If nothing changed: 0.05 s. Packages' install scripts are not run (bunfig.toml says so too).
  const installed = await ask(["bun", "install", "--frozen-lockfile", "--ignore-scripts"], { cwd: ROOT });
  if (installed.code !== 0) {
    note(installed.stdout + installed.stderr);
    throw new Stop("bun install failed: see above");
  }
  for (const line of makeDotEnv(ROOT)) say(`setup: ${line}`);
}

/** What to type if you are not root. */
function askForRoot(mode: Mode, tests: boolean, missing: string[]): string {
  const command = `env MODE=${mode} PATH="$PATH" bash provision/setup.sh --packages${tests ? " --tests" : ""}`;
  const how = Bun.which("sudo")
    ? `Type this, then the same command again:\n  sudo ${command}`
    : `There is no sudo here. As root, in ${ROOT}, type this, then the same command again:\n  ${command}`;
  return `missing here: ${missing.join(" ")}\n${how}`;
}

if (import.meta.main)
  await script("setup", async () => {
    const words = process.argv.slice(2);
    if (asksHelp(words)) {
      say(USAGE);
      return 0;
    }
    if (words.some((word) => word !== "--tests" && word !== "--packages")) {
      note(USAGE);
      return 2;
    }
    // (The next command reports unknown names in .env.)
    const { mode } = await decideMode(readSettings(ROOT, process.env, () => {}));
    await setup({ mode, tests: words.includes("--tests"), onlyPackages: words.includes("--packages") });
    return 0;
  });
