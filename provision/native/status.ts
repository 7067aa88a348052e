// Which services of the native stack are up; for the others, since when and why they are down.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { ask } from "../script/children.ts";
import { say } from "../script/say.ts";
import type { Settings } from "../script/settings.ts";
import { addresses } from "../stack/addresses.ts";
import { answers, proxyReady, proxyTls } from "../stack/api.ts";
import { clock, lastFailure, lastWords } from "../stack/history.ts";
import { apiAddress, at } from "./files.ts";
import { standing } from "./manager.ts";
import { ownPlaces } from "./places.ts";
import { endsOf, secondsUp } from "./s6.ts";
import { folderOf, SERVICES } from "./services.ts";
import { bySystemd } from "./systemd.ts";

/** A failure is over only when its service has run this long. */
const STEADY_SECONDS = 5;
const RECENT_SECONDS = 15;

/** Whether a service does its job. */
async function works(service: string, settings: Settings): Promise<boolean> {
  // (As the database user that needs no password: MariaDB recognises our OS user.)
  const ping = ["mariadb-admin", "--no-defaults", `--socket=${ownPlaces().outside}/db/mysql.sock`];
  const { near, https } = addresses(settings, "native");
  if (service === "db")
    return (await ask([...ping, `--user=${userInfo().username}`, "--connect-timeout=3", "ping"])).code === 0;
  if (service === "api") return answers(`http://${apiAddress(settings)}/readyz`);
  if (service === "nginx")
    return answers(`https://${near}:${https}/healthz`, { tls: proxyTls("native"), anyStatus: true });
  return true;
}

function logOf(service: string): string[] {
  const folder = at(join("log", service));
  if (!existsSync(folder)) return [];
  const old = readdirSync(folder).filter((name) => name.startsWith("@"));
  const texts = [...old.sort(), "current"].map((name) => {
    const file = join(folder, name);
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd() : "";
  });
  return texts.join("\n").split("\n").slice(-400);
}

/** A service's line: since when it has been up, or since when and why it is down. */
async function statusOf(service: string, settings: Settings): Promise<{ up: boolean; line: string }> {
  const now = Date.now() / 1000;
  const ends = await endsOf(service);
  const failure = lastFailure(ends.map(({ time }) => time));
  const since = failure && now - failure.last <= RECENT_SECONDS ? failure.first : undefined;
  const seconds = await secondsUp(service);
  if (seconds !== undefined && (since === undefined || seconds > STEADY_SECONDS)) {
    const began = clock(now - seconds);
    if (await works(service, settings)) return { up: true, line: `${service}: up since ${began}` };
    const words = lastWords(logOf(service));
    return { up: false, line: `${service}: does not answer; running since ${began}. Its log: ${words}` };
  }
  const how = ends.at(-1)?.how ?? "";
  return {
    up: false,
    line: `${service}: DOWN since ${clock(since ?? now)}, restarted every second; it ended with ${how}. Its log: ${lastWords(logOf(service))}`,
  };
}

/** A service that is down, for the message when the stack does not come up. */
export async function firstDown(settings: Settings): Promise<string> {
  for (const service of SERVICES)
    if (existsSync(folderOf(service)) && !(await statusOf(service, settings)).up) return service;
  return "api";
}

/** Prints the status of all services. @returns whether all are up */
export async function status(settings: Settings, print: (line: string) => void = say): Promise<boolean> {
  if (!standing() && bySystemd()) {
    const units = await ask(["systemctl", "--no-pager", "--lines=1", "status", "machine-manager-*"]);
    print(units.stdout.trimEnd());
    return units.code === 0;
  }
  if (!standing()) {
    print("native: nothing is running; start it with: just run");
    return false;
  }
  const there = SERVICES.filter((service) => existsSync(folderOf(service)));
  const found = await Promise.all(there.map((service) => statusOf(service, settings)));
  for (const { line } of found) print(line);
  const { publicUrl } = addresses(settings, "native");
  if (!(await proxyReady(settings, "native"))) {
    print(`${publicUrl} does not answer; see: just logs`);
    return false;
  }
  print(`ready: ${publicUrl}`);
  return found.every(({ up }) => up);
}
