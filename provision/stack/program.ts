import { ConfigError, readConfig } from "../../config.ts";
import { PROGRAM } from "../../settings.ts";
import { Stop } from "../script/say.ts";
import type { Settings } from "../script/settings.ts";

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
  for (const area of Object.values<Record<string, { env: string; secret: boolean }>>(PROGRAM))
    for (const { env: name, secret } of Object.values(area))
      env[name] = (secret ? settings.secret(name) : settings.get(name)) || (OURS[name] ?? "");
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) throw new Stop(error.message);
    throw error;
  }
}
