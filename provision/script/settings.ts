// The settings of the scripts here: those of .env, unless the environment has them. (This file and its imports need no
// package: setup runs before there are any.)
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Env } from "./children.ts";
import { note, Stop } from "./say.ts";

export const ROOT = realpathSync(join(import.meta.dir, "../.."));
/** Everything that a stack stores. */
export const STATE = join(ROOT, ".local");
export const DOT_ENV = join(ROOT, ".env");
export const MACHINES_FILE = join(ROOT, "provision/machines.txt");

export const isRoot = process.getuid?.() === 0;

export interface Settings {
  /** its value; empty if not set */
  get(name: string): string;
  /** the value of NAME, or of the file that NAME_FILE names */
  secret(name: string): string;
  /** the names of all settings */
  names: string[];
}

/** The names of all settings; .env.example is the only list of them. */
function settingNames(root: string): string[] {
  const text = readFileSync(join(root, ".env.example"), "utf8");
  return [...text.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name = ""]) => name);
}

/** Parses a line of .env. The file is read as text: nothing in it is run. */
function parseLine(line: string): { name: string; value: string } | undefined {
  const [, name, text = ""] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
  if (!name) return undefined;
  const quoted = /^"([^"]*)"|^'([^']*)'/.exec(text);
  return { name, value: quoted ? (quoted[1] ?? quoted[2] ?? "") : text.replace(/\s#.*$/, "").trimEnd() };
}

/** Reads them. @param warn called for unknown names in .env */
export function readSettings(
  root: string = ROOT,
  env: Env = process.env,
  warn: (line: string) => void = note,
): Settings {
  const names = settingNames(root);
  const values = new Map<string, string>();
  for (const name of names) values.set(name, env[name] ?? "");
  const file = join(root, ".env");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  for (const line of lines) {
    const { name, value } = parseLine(line) ?? {};
    if (name === undefined || value === undefined) continue;
    if (!values.has(name)) warn(`.env: ${name} is not a setting (see .env.example); it is ignored`);
    else if (!env[name]) values.set(name, value);
  }
  const get = (name: string) => values.get(name) ?? "";
  return {
    names,
    get,
    secret(name) {
      if (get(name)) return get(name);
      const path = get(`${name}_FILE`);
      if (!path) return "";
      let text: string;
      try {
        text = readFileSync(path, "utf8").trimEnd();
      } catch {
        throw new Stop(`${name}_FILE: can't read ${path}`);
      }
      // An empty ADMIN_TOKEN would silently mean that no token is needed.
      if (text === "") throw new Stop(`${name}_FILE: ${path} is empty`);
      return text;
    },
  };
}

/** Our environment without settings: programs get only those that are meant for them. */
export function withoutSettings(settings: Settings): Env {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.names.includes(name)));
}

/** Stops when there is no .env. */
export function needDotEnv(): void {
  if (!existsSync(DOT_ENV)) throw new Stop(".env is missing; make it with: just setup");
}
