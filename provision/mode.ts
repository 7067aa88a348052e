// Docker or native: how to run on this machine. (Needs no package: setup calls it before there are any.)

import { standing } from "./native/manager.ts";
import { ask } from "./script/children.ts";
import { note, Stop } from "./script/say.ts";
import type { Settings } from "./script/settings.ts";

export type Mode = "docker" | "native";

const ENGINE_SECONDS = 10;

/** Decides it. @throws Stop for an unknown MODE */
export async function decideMode(settings: Settings): Promise<{ mode: Mode; why: string }> {
  const set = settings.get("MODE");
  if (set === "docker" || set === "native") return { mode: set, why: `MODE=${set} was set` };
  if (set) throw new Stop(`MODE=${set}: must be docker or native`);
  const native = (why: string) => ({ mode: "native" as const, why });
  // A running stack stays: an engine that was started later does not move a native stack into containers.
  if (standing()) return native("its stack is up here; to change: just down");
  if (!Bun.which("docker")) return native("there is no docker command");
  const answers = async (...words: string[]) =>
    (await ask(["docker", ...words], { seconds: ENGINE_SECONDS })).code === 0;
  if (!(await answers("version"))) return native("no Docker engine answers");
  if (!(await answers("compose", "version"))) return native("Docker has no Compose plugin");
  return { mode: "docker", why: "a Docker engine with Compose answers; MODE=native runs without it" };
}

/** Decides it, and prints it with the reason. */
export async function printMode(settings: Settings): Promise<Mode> {
  const { mode, why } = await decideMode(settings);
  note(`mode: ${mode} (${why})`);
  return mode;
}
