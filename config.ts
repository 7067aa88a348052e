import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { MAINTENANCE, PROGRAM, type Setting } from "./settings.ts";

/** Each reservation uses a uid, which can't be reused before the disks have been swept. */
const FEWEST_UIDS = 1000;
/** `nobody` in 16 bits, and -1 in 16 bits: files of these belong to everybody, or the uid is refused. */
const NOT_UIDS = [65_534, 65_535];

type Areas = Record<string, Record<string, Setting<Type.TSchema>>>;
type Values<A extends Areas> = {
  [Area in keyof A]: { [Name in keyof A[Area]]: Type.Static<A[Area][Name]["type"]> };
};

export type Config = Values<typeof PROGRAM>;
/** Includes both database users: the program's, and the owner, who may change tables and delete events. */
export type Maintenance = Values<typeof MAINTENANCE>;

/** "8" → 8, "true" or "1" → true; anything else stays text, and so fails its check (Value.Convert makes 1.5 a 1). */
function parsed(schema: Type.TSchema, text: string): unknown {
  if (Type.IsInteger(schema)) return /^\d{1,10}$/.test(text) ? Number(text) : text;
  if (Type.IsBoolean(schema))
    return ["true", "1"].includes(text) ? true : ["false", "0"].includes(text) ? false : text;
  if (Type.IsArray(schema)) return text.split(",").map((one) => one.trim());
  return text;
}

/** Thrown for an environment that the program must not start with; the message names every bad value. */
export class ConfigError extends Error {}

/** Whether only this machine reaches an address. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Name → text, such as `process.env`; `NAME_FILE` is the path of a file with NAME's value. Empty means not set. */
type Env = Record<string, string | undefined>;

/** @returns the text of a setting, or what is wrong with its source */
function textOf({ env: name, secret }: Setting<Type.TSchema>, env: Env): { text?: string; problem?: string } {
  const text = env[name];
  const path = secret ? env[`${name}_FILE`] : undefined;
  if (!path) return text ? { text } : {};
  if (text) return { problem: `${name} and ${name}_FILE are both set; set only one` };
  try {
    return { text: readFileSync(path, "utf8").trim() };
  } catch {
    return { problem: `${name}_FILE: can't read ${path}` };
  }
}

/** What a value must be, in words, if the setting itself doesn't say. */
function requirement(type: Type.TSchema): string {
  const { minimum, maximum } = type as { minimum?: number; maximum?: number };
  if (Type.IsInteger(type)) return `must be a whole number from ${minimum} to ${maximum}`;
  return Type.IsBoolean(type) ? "must be true or false" : "has a bad value";
}

/** @returns the value of a setting, or what is wrong with it; never the value in the problem */
function readOne(setting: Setting<Type.TSchema>, env: Env): { value?: unknown; problem?: string } {
  const { env: name, type, must } = setting;
  const { text, problem } = textOf(setting, env);
  if (problem) return { problem };
  const value = text === undefined ? Value.Default(type, undefined) : parsed(type, text);
  if (value === undefined) return { problem: `${name} is not set; it ${must ?? "is required"}` };
  if (Value.Check(type, value)) return { value };
  return { problem: `${name} ${must ?? requirement(type)}` };
}

/** The values of all settings, and what is wrong with them. */
function readAll<A extends Areas>(areas: A, env: Env): { value: Values<A>; problems: string[] } {
  const problems: string[] = [];
  const value = Object.fromEntries(
    Object.entries(areas).map(([area, settings]) => [
      area,
      Object.fromEntries(
        Object.entries(settings).map(([name, setting]) => {
          const read = readOne(setting, env);
          if (read.problem) problems.push(read.problem);
          return [name, read.value];
        }),
      ),
    ]),
  );
  return { value: value as Values<A>, problems };
}

function refuse(problems: string[]): void {
  if (problems.length > 0) throw new ConfigError(`bad configuration: ${problems.join("; ")}`);
}

/** What is wrong with a range of uids. */
function wrongRange({ first, last }: Config["uids"]): string[] {
  const range = `UID_MIN_POOL=${first} to UID_MAX_POOL=${last}`;
  if (last - first + 1 < FEWEST_UIDS) return [`${range} must span at least ${FEWEST_UIDS} uids`];
  const bad = NOT_UIDS.filter((uid) => uid >= first && uid <= last);
  return bad.length > 0 ? [`${range} must not include ${bad.join(" or ")}, which are reserved`] : [];
}

/** Without a token, the API may be reachable only from this machine. */
function wrongOpening({ server: { host, publishAddress, scheduler }, secrets }: Config): string[] {
  if (isLoopback(host) || secrets.adminToken || scheduler || isLoopback(publishAddress)) return [];
  return [
    `HOST=${host} listens beyond this machine: set ADMIN_TOKEN, or HOST=127.0.0.1 (in a container: PUBLISH_ADDRESS=127.0.0.1)`,
  ];
}

/**
 * Reads and checks the environment.
 * @throws ConfigError with one line that names every bad value (never its content)
 */
export function readConfig(env: Env): Config {
  const { value, problems } = readAll(PROGRAM, env);
  const reported = (name: string) => problems.some((one) => one.startsWith(name));
  if (!reported("HOST") && !reported("ADMIN_TOKEN") && !reported("SCHEDULER"))
    problems.push(...wrongOpening(value));
  if (!reported("UID_")) problems.push(...wrongRange(value.uids));
  refuse(problems);
  return value;
}

/** Reads and checks what the maintenance commands need. @throws ConfigError as `readConfig` */
export function readMaintenance(env: Env): Maintenance {
  const { value, problems } = readAll(MAINTENANCE, env);
  refuse(problems);
  const [program, owner] = [new URL(value.database.url), new URL(value.database.ownerUrl)];
  if (program.pathname !== owner.pathname)
    throw new ConfigError("bad configuration: DATABASE_URL and DATABASE_OWNER_URL name different databases");
  return value;
}

let current: Config | undefined;

/** The configuration of this process, read once. @throws ConfigError */
export function config(): Config {
  current ??= readConfig(process.env);
  return current;
}
