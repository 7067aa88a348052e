// Waits until the native stack answers, or says why it doesn't.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { note, Stop, say } from "../script/say.ts";
import type { Settings } from "../script/settings.ts";
import { waitFor } from "../script/wait.ts";
import { addresses } from "../stack/addresses.ts";
import { answers, proxyReady } from "../stack/api.ts";
import { apiAddress, at } from "./files.ts";
import { ownPlaces } from "./places.ts";
import { endsOf, secondsUp } from "./s6.ts";
import { firstDown, status } from "./status.ts";
import { bySystemd } from "./systemd.ts";

const READY_MS = 120_000;
/** A service that has ended this often since it was started will keep doing so. */
const MOST_ENDS = 4;
/** The scheduler has no port: it counts as up when it has run this long. */
const SCHEDULER_SECONDS = 3;

/** Shows why a service does not come up, and stops. */
export function giveUp(service: string, how: string): never {
  if (bySystemd())
    throw new Stop(
      `${service} ${how}; look at: journalctl -u machine-manager-${service}. Once it is fixed: just install-systemd`,
    );
  const log = at(join("log", service, "current"));
  note(`--- the end of .local/log/${service}/current:`);
  if (existsSync(log)) note(readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n"));
  throw new Stop(
    `${service} ${how}; all of its log: just logs ${service}. It is restarted every second; once it is fixed: just run`,
  );
}

/** @throws Stop for a service that ends again and again */
export async function giveUpIfLooping(service: string): Promise<void> {
  if ((await endsOf(service)).length >= MOST_ENDS) giveUp(service, "does not start");
}

/** Waits until the API answers through nginx. @returns whether it did */
export const proxyAnswers = (settings: Settings): Promise<boolean> =>
  waitFor(() => proxyReady(settings, "native"), READY_MS, 500);

/** Waits until all services are up. @throws Stop if one isn't, with the end of its log */
export async function waitReady(settings: Settings, services: string[]): Promise<void> {
  const seen = new Set<string>();
  const once = (what: string, line: string) => {
    if (!seen.has(what)) say(`native: ${line}`);
    seen.add(what);
  };
  const socket = join(ownPlaces().outside, "db/mysql.sock");
  const ready = await waitFor(
    async () => {
      if (existsSync(socket)) once("db", "database is up");
      if (await proxyReady(settings, "native")) return true;
      for (const service of services) await giveUpIfLooping(service);
      if (!seen.has("api") && (await answers(`http://${apiAddress(settings)}/healthz`)))
        once("api", "API is up");
      return false;
    },
    READY_MS,
    100,
  );
  if (!ready) {
    await status(settings, note);
    giveUp(await firstDown(settings), "is not ready after 120 s");
  }
  const steady = await waitFor(
    async () => {
      await giveUpIfLooping("scheduler");
      return ((await secondsUp("scheduler")) ?? 0) >= SCHEDULER_SECONDS;
    },
    READY_MS,
    100,
  );
  if (!steady) giveUp("scheduler", "does not start");
  say(`native: ready at ${addresses(settings, "native").publicUrl}`);
}
