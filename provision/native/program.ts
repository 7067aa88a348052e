// Runs the program's own commands, outside its services.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ask, asksHelp, type Env, run } from "../script/children.ts";
import { note, Stop, say } from "../script/say.ts";
import { isRoot, ROOT, type Settings, withoutSettings } from "../script/settings.ts";
import { waitFor } from "../script/wait.ts";
import { at, ownUrls } from "./files.ts";
import { ownPlaces } from "./places.ts";
import { giveUp, giveUpIfLooping } from "./ready.ts";
import { copySources } from "./sources.ts";

const DATABASE_MS = 120_000;

/** Builds the dashboard, in a process of its own: one that began before its packages were installed doesn't find them. */
export async function buildDashboard(): Promise<void> {
  const { code, stderr } = await ask([process.execPath, "--no-env-file", join(ROOT, "web/build.ts")]);
  if (code !== 0) throw new Stop(`the dashboard can't be built: ${stderr.trim()}`);
}

/** Makes the program's own copy, which is all that it sees of this checkout. */
export function copyOfSources(): void {
  if (!isRoot) return;
  try {
    copySources(ROOT, at("run/app"));
  } catch (error) {
    throw new Stop(`the sources can't be copied to .local/run/app: ${(error as Error).message}`);
  }
}

/** Relative to where the program is run: a socket's path must be short. */
const SOCKET = "db";

const command = (words: string[]) => ["bun", "--no-env-file", join(ROOT, "server.ts"), ...words];

/** Settings are passed in the environment, which no process list shows. */
function place(settings: Settings, own: Env): { cwd: string; env: Env } {
  const { outside } = ownPlaces();
  return { cwd: existsSync(outside) ? outside : ROOT, env: { ...withoutSettings(settings), ...own } };
}

/** As the database's owner; API and scheduler never get the owner's URL. */
function ownerEnv(settings: Settings, words: string[]): Env {
  const days = settings.get("EVENTS_DAYS");
  const given = {
    DATABASE_URL: settings.secret("DATABASE_URL"),
    DATABASE_OWNER_URL: settings.secret("DATABASE_OWNER_URL"),
  };
  const own = { ...(days ? { EVENTS_DAYS: days } : {}) };
  if (given.DATABASE_URL || asksHelp(words)) return { ...own, ...given };
  const { program, owner } = ownUrls(settings, SOCKET);
  return { ...own, DATABASE_URL: program, DATABASE_OWNER_URL: owner };
}

/** Runs a command of the program as the database's owner. @returns its exit code */
export const asOwner = (settings: Settings, words: string[]): Promise<number> =>
  run(command(words), place(settings, ownerEnv(settings, words)));

/** Runs a command of the program with its own settings. @returns its exit code */
export function asProgram(settings: Settings, words: string[], input?: string): Promise<number> {
  const own = {
    DATABASE_URL: settings.secret("DATABASE_URL") || ownUrls(settings, SOCKET).program,
    SECRET_KEY: settings.secret("SECRET_KEY"),
  };
  const given = input === undefined ? { interactive: true } : { input };
  return run(command(words), { ...place(settings, own), ...given });
}

/** Brings the tables up to date once the database is up; API and scheduler wait for that. */
export async function migrate(settings: Settings, services: string[]): Promise<void> {
  if (settings.secret("DATABASE_URL")) {
    if (!settings.secret("DATABASE_OWNER_URL")) return; // then the program does it itself
  } else if (services.includes("db")) await waitForSocket();
  const words = ["migrate"];
  const { code, stdout, stderr } = await ask(command(words), place(settings, ownerEnv(settings, words)));
  for (const line of stdout.split("\n").filter(Boolean)) say(`native: ${line}`);
  if (stderr) note(stderr.trimEnd());
  if (code !== 0) throw new Stop("the tables are not up to date: see above. Once it is fixed: just run");
}

async function waitForSocket(): Promise<void> {
  const socket = join(ownPlaces().outside, "db/mysql.sock");
  const there = await waitFor(async () => {
    await giveUpIfLooping("db");
    return existsSync(socket);
  }, DATABASE_MS);
  if (!there) giveUp("db", "is not ready after 120 s");
}
