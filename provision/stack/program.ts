import { ConfigError, readConfig } from "../../config.ts";
import { PROGRAM } from "../../settings.ts";
import { Stop } from "../script/say.ts";
import type { Settings } from "../script/settings.ts";

/** The program's settings. */
export const OF_THE_PROGRAM = Object.values<Record<string, { env: string; secret: boolean }>>(
  PROGRAM,
).flatMap((area) => Object.values(area));

/** The value of one of them, also from the file that NAME_FILE names; empty if not set. */
export const settingOf = (settings: Settings, { env, secret }: (typeof OF_THE_PROGRAM)[number]): string =>
  secret ? settings.secret(env) : settings.get(env);

/** What the stack itself gives the program if the settings don't. */
const OURS: Record<string, string> = {
  DATABASE_URL: "mysql://machine_manager:none@localhost/machine_manager",
};

/**
 * Reads the program's settings as the program will: a bad one is reported before machines and a database are made for it.
 * @throws Stop with one line that names every bad value, never its content
 */
export function checkProgram(settings: Settings): void {
  const env: Record<string, string> = {};
  for (const one of OF_THE_PROGRAM) env[one.env] = settingOf(settings, one) || (OURS[one.env] ?? "");
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) throw new Stop(error.message);
    throw error;
  }
}
