// Queries and controls s6.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../script/children.ts";
import { say } from "../script/say.ts";
import { waitFor } from "../script/wait.ts";
import { writeWhole } from "../script/write.ts";
import { at } from "./files.ts";
import { standing } from "./manager.ts";
import { folderOf } from "./services.ts";

/** A service has 12 s to end before it is killed. */
const END_MS = 15_000;
/** The zero point of a TAI64 label, ten seconds before 1970. */
const TAI64_EPOCH = 2n ** 62n + 10n;

const control = (...words: string[]) => ask(["s6-svc", ...words]);
const supervised = async (folder: string) => (await ask(["s6-svok", folder])).code === 0;

/** Waits until the manager that was just started controls the services. */
export const waitStanding = () =>
  waitFor(
    async () => standing() && (await ask(["s6-svscanctl", "-a", at("run/service")])).code === 0,
    10_000,
  );

export interface End {
  /** seconds since 1970 */
  time: number;
  /** "exitcode 1" */
  how: string;
}

/** The latest ends of a service since `forgetEnds`, the oldest first. */
export async function endsOf(service: string): Promise<End[]> {
  const { stdout } = await ask(["s6-svdt", folderOf(service)]);
  return stdout.split("\n").flatMap((line) => {
    const [, label, how] = /^@([0-9a-f]{16})[0-9a-f]{8} (.*)$/.exec(line) ?? [];
    return label && how ? [{ time: Number(BigInt(`0x${label}`) - TAI64_EPOCH), how }] : [];
  });
}

/** Forgets how often the services have ended so far. */
export async function forgetEnds(services: string[]): Promise<void> {
  await Promise.all(services.map((service) => ask(["s6-svdt-clear", folderOf(service)])));
}

/**
 * How many seconds a service's process has run; undefined if there is none. (Not from s6-svstat, which reads a file that a
 * full disk keeps from being updated.)
 */
export async function secondsUp(service: string): Promise<number | undefined> {
  const pid = readOr(join(folderOf(service), "group")).trim();
  if (!/^\d+$/.test(pid) || Number(pid) < 2) return undefined;
  const { stdout } = await ask(["ps", "-o", "ppid=,etimes=", "-p", pid]);
  const [parent = "", seconds] = stdout.trim().split(/\s+/);
  if (!seconds || readOr(`/proc/${parent}/comm`).trim() !== "s6-supervise") return undefined;
  return Number(seconds);
}

function readOr(file: string, otherwise = ""): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

/**
 * Ends a service, and lets it start again. (`s6-svc -d -wD` would return before its `-d` is sent if the service is already
 * down, as it is between two tries; the `-u` then came first, and it stayed down.)
 */
async function restart(service: string): Promise<void> {
  await control("-d", folderOf(service));
  await waitFor(async () => (await secondsUp(service)) === undefined, END_MS, 100);
  await control("-u", folderOf(service));
}

/** Records the settings that each service is started with. */
export function keepSettings(services: string[]): void {
  for (const service of services)
    writeWhole(join(folderOf(service), "running"), readFileSync(join(folderOf(service), "settings")));
}

/** Removes services that are no longer wanted: our own database, for example. */
export async function dropOthers(services: string[]): Promise<void> {
  for (const name of readdirSync(at("run/service"), { withFileTypes: true })) {
    if (!name.isDirectory() || name.name.startsWith(".") || services.includes(name.name)) continue;
    const folder = folderOf(name.name);
    for (const part of [folder, join(folder, "log")]) {
      if ((await control("-xd", part)).code !== 0) continue;
      await waitFor(async () => !(await supervised(part)), END_MS, 100);
    }
    rmSync(folder, { recursive: true });
  }
}

/** Starts what is new, restarts what changed, and leaves the rest alone. */
export async function apply(services: string[]): Promise<void> {
  await dropOthers(services);
  const changed = services.filter((service) => {
    const [now, running] = ["settings", "running"].map((name) => readOr(join(folderOf(service), name)));
    return now !== running;
  });
  keepSettings(services);
  await ask(["s6-svscanctl", "-an", at("run/service")]);
  for (const service of changed) {
    if (!existsSync(folderOf(service)) || !(await supervised(folderOf(service)))) continue;
    say(`native: restarting ${service}, whose settings changed`);
    await restart(service);
  }
}
