// The project name of this checkout's containers, so that two checkouts don't touch each other's.
// usage: bun provision/docker/project.ts   (prints it)
import { ROOT } from "../script/settings.ts";

/** COMPOSE_PROJECT_NAME, else a name derived from this folder's path. */
export function composeProject(): string {
  const set = process.env.COMPOSE_PROJECT_NAME;
  if (set) return set;
  const { stdout } = Bun.spawnSync(["cksum"], { stdin: Buffer.from(`${ROOT}\n`) });
  return `machine-manager-${stdout.toString().split(" ")[0]}`;
}

if (import.meta.main) console.log(composeProject());
