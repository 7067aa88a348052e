// What this checkout's containers are named after, so that two checkouts don't take each other's.
// usage: bun provision/docker/project.ts   (prints it)
import { ROOT } from "../script/settings.ts";

/** COMPOSE_PROJECT_NAME, else a name that comes from this folder's path. */
export function composeProject(): string {
  const set = process.env.COMPOSE_PROJECT_NAME;
  if (set) return set;
  const { stdout } = Bun.spawnSync(["cksum"], { stdin: Buffer.from(`${ROOT}\n`) });
  return `machine-manager-${stdout.toString().split(" ")[0]}`;
}

if (import.meta.main) console.log(composeProject());
