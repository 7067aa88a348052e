// The ports of the demo machines: consecutive, from MACHINE_BASE_PORT.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { composeProject } from "../docker/project.ts";
import type { Mode } from "../mode.ts";
import { ask } from "../script/children.ts";
import { Stop } from "../script/say.ts";
import { type Settings, STATE } from "../script/settings.ts";
import { portSetting } from "../stack/addresses.ts";
import { checkPorts } from "../stack/ports.ts";

/** @throws Stop for an invalid setting */
export function machinePorts(settings: Settings): { first: number; count: number } {
  const count = settings.get("MACHINE_COUNT") || "10";
  if (!/^\d{1,3}$/.test(count)) throw new Stop(`MACHINE_COUNT=${count}: must be a number from 0 to 999`);
  return { first: portSetting(settings, "MACHINE_BASE_PORT", 2221), count: Number(count) };
}

/** The ports of the existing demo machines. */
async function ownPorts(mode: Mode): Promise<Set<number>> {
  if (mode === "docker") {
    const ours = `label=machine-manager.prefix=${composeProject()}-alpine-`;
    const { stdout } = await ask(["docker", "ps", "--filter", ours, "--format", "{{.Ports}}"]);
    return new Set([...stdout.matchAll(/:(\d+)->/g)].map(([, port]) => Number(port)));
  }
  const folder = join(STATE, "machines");
  const states = new Bun.Glob("*/state");
  const found = new Set<number>();
  try {
    readdirSync(folder);
  } catch {
    return found; // none has been made
  }
  // "pid start boot address port", as machine-inside.sh writes it
  for (const file of states.scanSync(folder))
    found.add(Number(readFileSync(join(folder, file), "utf8").trim().split(" ")[4]));
  return found;
}

/** @throws Stop if something else has one of them */
export async function checkMachinePorts(mode: Mode, settings: Settings): Promise<void> {
  const { first, count } = machinePorts(settings);
  const ours = await ownPorts(mode);
  const wanted = { name: "MACHINE_BASE_PORT", address: "127.0.0.1", port: first, count };
  await checkPorts([wanted], ({ port }) => ours.has(port));
}
