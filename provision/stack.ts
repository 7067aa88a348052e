// The stack of one mode, by hand or from the recipes.

import type { Driver } from "./driver.ts";
import { decideMode } from "./mode.ts";
import { note, Stop, say, script } from "./script/say.ts";
import { readSettings } from "./script/settings.ts";
import { driverOf } from "./stack/drivers.ts";
import { releaseAll } from "./stack/release_all.ts";

const USAGE = `usage: provision/bun.sh provision/stack.ts docker|native|here COMMAND   (here: the mode that runs here)

  up, up-dev        starts what is not running yet, and waits until it answers
                    (-dev: API and scheduler restart when a source file changes);
                    in Docker, options go to \`docker compose up\`, for example: --scale api=3
  down, down-dev    stops it; the database stays
  reset, reset-dev  ends all reservations, deletes the database, and starts again with an empty one
  status            what is running, and whether it answers
  logs, logs-dev    the logs; in native mode of: db, api, scheduler, nginx (-f: follow); in Docker, options go to
                    \`docker compose logs\`
  owner COMMAND     runs a command of the program as the database's owner: owner prune-events --older-than 365d
  program COMMAND   runs a command of the program with its own settings: program rotate-key --finish

In native mode also:
  install-systemd, uninstall-systemd
                    installs the services as systemd units, which start at each boot; removes them again
  units FOLDER      writes these units to a folder, for inspection
in Docker also:
  compose WORDS     \`docker compose\` on this stack, for example: compose restart db
  project           the prefix of this checkout's container names

Settings come from .env and from the environment (which takes precedence); .env.example explains each.
COMPOSE_PROJECT_NAME (environment only) names the containers; by default it is derived from this folder's path.`;

/** The commands of both modes. @returns an exit code */
const COMMANDS: Record<string, (driver: Driver, words: string[], dev: boolean) => Promise<number>> = {
  up: (driver, words, dev) => driver.up(dev, words).then(() => 0),
  down: (driver, words, dev) => driver.down(dev, words).then(() => 0),
  async reset(driver, _, dev) {
    await driver.check();
    await releaseAll(driver);
    await driver.down(dev);
    await driver.removeDatabase();
    await driver.up(dev);
    return 0;
  },
  status: async (driver) => ((await driver.status()) ? 0 : 1),
  logs: (driver, words, dev) => driver.logs(dev, words),
  owner: (driver, words) => driver.owner(words),
  program: (driver, words) => driver.program(words),
};
const WITH_DEV = ["up", "down", "reset", "logs"];

/** Runs a command. @returns its exit code. @throws Stop for an unknown one */
export async function runCommand(driver: Driver, command: string, words: string[]): Promise<number> {
  const [, plain = command, dev] = /^(\w+)(-dev)$/.exec(command) ?? [];
  const own = Object.hasOwn(driver.more, command) ? driver.more[command] : undefined;
  if (own) return own(words);
  const known = Object.hasOwn(COMMANDS, plain) ? COMMANDS[plain] : undefined;
  if (!known || (dev && !WITH_DEV.includes(plain))) throw new Stop(USAGE, 2);
  return known(driver, words, dev !== undefined);
}

if (import.meta.main)
  await script("stack", async () => {
    const [which = "help", command = "", ...words] = process.argv.slice(2);
    if (/^(help|-h|--help)$/.test(which)) {
      say(USAGE);
      return 0;
    }
    if (!["docker", "native", "here"].includes(which)) {
      note(USAGE);
      return 2;
    }
    const settings = readSettings();
    const mode = which === "docker" || which === "native" ? which : (await decideMode(settings)).mode;
    return runCommand(driverOf(mode, settings), command, words);
  });
