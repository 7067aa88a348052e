// The same four services as systemd units, for hosts with systemd.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../script/children.ts";
import { Stop, say } from "../script/say.ts";
import { isRoot, ROOT, type Settings, STATE } from "../script/settings.ts";
import { writeWhole } from "../script/write.ts";
import { at } from "./files.ts";
import { standing } from "./manager.ts";
import { systemdPlaces } from "./places.ts";
import { render } from "./services.ts";
import { unitsOf } from "./units.ts";

const UNITS = "/etc/systemd/system";
const PREFIX = "machine-manager-";
/** The path of a socket below it may have 107 bytes. */
const LONGEST_ROOT = 70;

/** Writes the units to a folder, and all that they read to .local. @returns the services' names */
export async function writeUnits(settings: Settings, into: string): Promise<string[]> {
  const places = systemdPlaces();
  const services = await render(settings, places, false);
  for (const [name, text] of unitsOf(services, places.app))
    writeWhole(join(into, `${PREFIX}${name}.service`), text, 0o644);
  return services;
}

const systemdRuns = () => existsSync("/run/systemd/system");

/** Whether the services were installed here. */
export const bySystemd = (): boolean => systemdRuns() && existsSync(join(UNITS, `${PREFIX}api.service`));

function needSystemd(): void {
  if (!systemdRuns())
    throw new Stop(
      `systemd is not running here (process 1 is ${readFileSync("/proc/1/comm", "utf8").trim()}), so there is nothing to install the services into.\n` +
        "  Run this on a host with systemd. Here, use just run, which needs no systemd and also restarts services that end",
    );
  if (!isRoot) throw new Stop("only root may install services; type: sudo just install-systemd");
}

/** Under systemd, the services' OS users must be able to enter the checkout's folder. */
function checkPlace(): void {
  if (/^\/(root|home|run)\//.test(ROOT))
    throw new Stop(
      `the services may not see ${ROOT}: put the checkout somewhere else, such as /opt/machine-manager`,
    );
  if (!/^[A-Za-z0-9_/.+@-]+$/.test(ROOT))
    throw new Stop(`the path ${ROOT} has a character that systemd would misread; move the checkout`);
  if (ROOT.length >= LONGEST_ROOT)
    throw new Stop(`the path ${ROOT} is too long for a socket in it; move the checkout`);
  for (let folder = ROOT; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 1) === 0)
      throw new Stop(
        `other OS users can't enter ${folder}, so neither can the services: chmod o+x ${folder}`,
      );
    if (folder === "/") return;
  }
}

async function systemctl(...words: string[]): Promise<void> {
  if ((await run(["systemctl", ...words])) !== 0) throw new Stop(`systemctl ${words[0]} failed: see above`);
}

/** What must be done between installing the units and starting them. */
export interface Steps {
  copySources(): void;
  migrate(services: string[]): Promise<void>;
  /** @returns whether it answers */
  waitReady(): Promise<boolean>;
}

/** Installs and starts them. @throws Stop if this host or checkout can't have them */
export async function installSystemd(settings: Settings, steps: Steps): Promise<void> {
  needSystemd();
  checkPlace();
  if (standing()) throw new Stop("the stack is running without systemd; stop it first: just down");
  mkdirSync(at("run"), { recursive: true, mode: 0o755 });
  for (const folder of [STATE, at("run")]) chmodSync(folder, 0o755);
  // Not a link: bun may be in somebody's home.
  rmSync(at("run/bun"), { force: true });
  copyFileSync(process.execPath, at("run/bun"));
  chmodSync(at("run/bun"), 0o755);
  steps.copySources();
  const services = await writeUnits(settings, UNITS);
  const units = services.map((name) => PREFIX + name);
  await systemctl("daemon-reload");
  await systemctl("enable", ...units);
  // Running services pick up their new settings.
  if (services.includes("db")) await systemctl("restart", `${PREFIX}db`);
  await steps.migrate(services);
  for (const name of ["api", "scheduler", "nginx"]) await systemctl("restart", PREFIX + name);
  if (await steps.waitReady()) return;
  await run(["systemctl", "--no-pager", "status", ...units]);
  throw new Stop("not ready after 120 s; look at: journalctl -u 'machine-manager-*'");
}

/** Stops and removes them; the database stays. */
export async function uninstallSystemd(): Promise<void> {
  needSystemd();
  const found = readdirSync(UNITS).filter((name) => name.startsWith(PREFIX) && name.endsWith(".service"));
  if (found.length === 0) return say("systemd: nothing is installed");
  await systemctl("disable", "--now", ...found);
  for (const name of found) rmSync(join(UNITS, name));
  await systemctl("daemon-reload");
  say("systemd: the services are stopped and removed; the database stays in .local");
}
