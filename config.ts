import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";

const Flag = (fallback: boolean) => Type.Boolean({ default: fallback });
const Whole = (minimum: number, maximum: number, fallback: number) =>
  Type.Integer({ minimum, maximum, default: fallback });

/** The highest that every system takes: beyond it some read a negative number. */
const MOST_UID = 2 ** 31 - 1;
/** A pool gives a uid for each reservation, and can't do so again before the disks were searched. */
const FEWEST_UIDS = 1000;
/** Nobody's, in 16 and in 32 bits: what these are given belongs to everybody, or is refused. */
const NOT_UIDS = [65_534, 65_535];

/** 32 bytes in base64. */
export const SECRET_KEY_FORM = "^[A-Za-z0-9+/]{43}=$";

/** Every variable that the program reads; `.env.example` explains each. */
const Environment = Type.Object({
  DATABASE_URL: Type.String({ pattern: "^mysql://[^/]+/[A-Za-z0-9_]+" }),
  PORT: Whole(0, 65535, 3000),
  HOST: Type.String({ default: "127.0.0.1" }),
  SCHEDULER: Flag(false),
  SECRET_KEY: Type.String({ pattern: SECRET_KEY_FORM }),
  ADMIN_TOKEN: Type.String({ pattern: "^$|^[!-~]{16,256}$", default: "" }),
  PROXY_SECRET: Type.String({ pattern: "^$|^[A-Za-z0-9_-]{16,256}$", default: "" }),
  PUBLISH_ADDRESS: Type.String({ default: "" }),
  PRETTY_JSON: Flag(false),
  LOG_LEVEL: Type.Union(
    ["debug", "info", "warn", "error"].map((level) => Type.Literal(level)),
    { default: "info" },
  ),
  WEB_CONCURRENCY: Whole(1, 64, 1),
  SSH_TIMEOUT_SECONDS: Whole(1, 120, 10),
  SSH_CONCURRENCY: Whole(1, 1000, 20),
  EXPIRE_EVERY: Whole(1, 59, 5),
  MAX_DURATION_MINUTES: Whole(1, 525_600, 10_080),
  MAX_MACHINES_PER_USER: Whole(0, 100_000, 0),
  MAX_REQUESTS_PER_MINUTE: Whole(0, 1_000_000, 600),
  HISTORY_DAYS: Whole(1, 3650, 30),
  UID_MIN_POOL: Whole(1000, MOST_UID, 20_000),
  UID_MAX_POOL: Whole(1000, MOST_UID, 59_999),
  ALLOWED_MACHINE_NETWORKS: Type.String({
    pattern: "^$|^[0-9a-fA-F:.]+/[0-9]{1,3}( *, *[0-9a-fA-F:.]+/[0-9]{1,3})*$",
    default: "",
  }),
  REQUIRE_HOST_KEY: Flag(false),
  ACCOUNT_NAMES: Type.Union([Type.Literal("own"), Type.Literal("any")], { default: "any" }),
  MACHINE_LOCALHOST: Type.String({ pattern: "^[A-Za-z0-9.:-]*$", default: "" }),
});

/** What the maintenance commands read (commands.ts); the API and the scheduler are never given the owner's account. */
const Maintenance = Type.Object({
  DATABASE_URL: Environment.properties.DATABASE_URL,
  DATABASE_OWNER_URL: Environment.properties.DATABASE_URL,
  EVENTS_DAYS: Whole(0, 36_500, 365),
});

const MAY_COME_FROM_A_FILE = [
  "DATABASE_URL",
  "DATABASE_OWNER_URL",
  "SECRET_KEY",
  "ADMIN_TOKEN",
  "PROXY_SECRET",
] as const;

const HINTS: Record<string, string> = {
  ACCOUNT_NAMES: "must be own or any",
  LOG_LEVEL: "must be debug, info, warn or error",
  DATABASE_URL: "must look like mysql://user:password@host:3306/database",
  DATABASE_OWNER_URL: "must look like mysql://owner:password@host:3306/database",
  SECRET_KEY: "must be 32 random bytes in base64; make one with: openssl rand -base64 32",
  ALLOWED_MACHINE_NETWORKS: "must be networks such as 10.0.0.0/8, separated by commas",
  ADMIN_TOKEN: "must be 16 to 256 printable characters without spaces",
  PROXY_SECRET: "must be 16 to 256 letters, digits, _ and -",
};

export interface Config {
  databaseUrl: string;
  port: number;
  host: string;
  scheduler: boolean;
  /** 32 bytes, base64 */
  secretKey: string;
  /** empty: no token is asked for */
  adminToken: string;
  /** what our own proxy sends along; empty: nobody is believed who forwards a request */
  proxySecret: string;
  prettyJson: boolean;
  logLevel: "debug" | "info" | "warn" | "error";
  webConcurrency: number;
  sshTimeoutSeconds: number;
  sshConcurrency: number;
  expireEverySeconds: number;
  maxDurationMinutes: number;
  /** machines that one user may hold at once; 0: no limit */
  maxMachinesPerUser: number;
  /** of one user, to one API process; 0: no limit */
  maxRequestsPerMinute: number;
  historyDays: number;
  /** what the accounts on the machines may have, both included */
  uids: { first: number; last: number };
  /** CIDR blocks in which a machine may live; none: anywhere */
  allowedMachineNetworks: string[];
  /** own: a user's accounts have the user's name */
  accountNames: "own" | "any";
  /** a machine is registered only with its host key given */
  requireHostKey: boolean;
  /** where `localhost` machines are reached; empty: localhost itself */
  machineLocalhost: string;
}

/** "8" → 8, "true" or "1" → true; what does not fit stays text, and so fails its check (Value.Convert makes 1.5 a 1). */
function parsed(schema: Type.TSchema, text: string): unknown {
  if (Type.IsInteger(schema)) return /^\d{1,10}$/.test(text) ? Number(text) : text;
  if (Type.IsBoolean(schema))
    return ["true", "1"].includes(text) ? true : ["false", "0"].includes(text) ? false : text;
  return text;
}

/** Thrown for an environment that the program must not start with; the message names every bad value. */
export class ConfigError extends Error {}

export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Name → text, such as `process.env`; `NAME_FILE` names a file that holds NAME. An empty variable counts as not set. */
type Env = Record<string, string | undefined>;

/** The variables of one schema, and what is wrong with them. */
function readAll<S extends Type.TObject>(all: S, env: Env): { value: Type.Static<S>; problems: string[] } {
  const problems: string[] = [];
  const given: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(all.properties))
    if (env[name]) given[name] = parsed(schema, env[name]);
  for (const name of MAY_COME_FROM_A_FILE) {
    const path = env[`${name}_FILE`];
    if (!path || !(name in all.properties)) continue;
    if (given[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set; keep one`);
    try {
      given[name] = readFileSync(path, "utf8").trim();
    } catch {
      problems.push(`${name}_FILE: can't read ${path}`);
    }
  }
  const value = Value.Default(all, given) as Type.Static<S>;
  const seen = new Set(problems.map((problem) => problem.split(/[ :]|_FILE/)[0]));
  for (const [name, schema] of Object.entries(all.properties)) {
    if (seen.has(name)) continue;
    const part = (value as Record<string, unknown>)[name];
    if (part === undefined) problems.push(`${name} is not set; it ${HINTS[name] ?? "is required"}`);
    else if (!Value.Check(schema, part)) {
      const why = HINTS[name] ?? Value.Errors(schema, part)[0]?.message ?? "has a bad value";
      problems.push(`${name} ${why}`);
    }
  }
  return { value, problems };
}

function refuse(problems: string[]): void {
  if (problems.length > 0) throw new ConfigError(`bad configuration: ${problems.join("; ")}`);
}

/** What is wrong with a range of uids. */
function wrongRange(first: number, last: number): string[] {
  const range = `UID_MIN_POOL=${first} to UID_MAX_POOL=${last}`;
  if (last - first + 1 < FEWEST_UIDS) return [`${range} must be at least ${FEWEST_UIDS} uids`];
  const bad = NOT_UIDS.filter((uid) => uid >= first && uid <= last);
  return bad.length > 0 ? [`${range} must be without ${bad.join(" and ")}, which are nobody's`] : [];
}

/**
 * Reads and checks the environment.
 * @throws ConfigError with one line that names every bad value (never its content)
 */
export function readConfig(env: Env): Config {
  const { value, problems } = readAll(Environment, env);
  if (!isLoopback(value.HOST) && !value.ADMIN_TOKEN && !value.SCHEDULER && !isLoopback(value.PUBLISH_ADDRESS))
    problems.push(
      `HOST=${value.HOST} listens beyond this machine: set ADMIN_TOKEN, or HOST=127.0.0.1 (in a container: PUBLISH_ADDRESS=127.0.0.1)`,
    );
  if (!problems.some((one) => one.startsWith("UID_")))
    problems.push(...wrongRange(value.UID_MIN_POOL, value.UID_MAX_POOL));
  refuse(problems);
  return {
    databaseUrl: value.DATABASE_URL,
    port: value.PORT,
    host: value.HOST,
    scheduler: value.SCHEDULER,
    secretKey: value.SECRET_KEY,
    adminToken: value.ADMIN_TOKEN,
    proxySecret: value.PROXY_SECRET,
    prettyJson: value.PRETTY_JSON,
    logLevel: value.LOG_LEVEL as Config["logLevel"],
    webConcurrency: value.WEB_CONCURRENCY,
    sshTimeoutSeconds: value.SSH_TIMEOUT_SECONDS,
    sshConcurrency: value.SSH_CONCURRENCY,
    expireEverySeconds: value.EXPIRE_EVERY,
    maxDurationMinutes: value.MAX_DURATION_MINUTES,
    maxMachinesPerUser: value.MAX_MACHINES_PER_USER,
    maxRequestsPerMinute: value.MAX_REQUESTS_PER_MINUTE,
    historyDays: value.HISTORY_DAYS,
    uids: { first: value.UID_MIN_POOL, last: value.UID_MAX_POOL },
    allowedMachineNetworks: value.ALLOWED_MACHINE_NETWORKS.split(",")
      .map((one) => one.trim())
      .filter(Boolean),
    accountNames: value.ACCOUNT_NAMES as Config["accountNames"],
    requireHostKey: value.REQUIRE_HOST_KEY,
    machineLocalhost: value.MACHINE_LOCALHOST,
  };
}

/** The two accounts at the database: the program's, and the owner's, which may change tables and delete events. */
export interface DatabaseAccounts {
  databaseUrl: string;
  ownerUrl: string;
  /** after which the database deletes an event; 0: never */
  eventsDays: number;
}

/** Reads and checks what the maintenance commands need. @throws ConfigError as `readConfig` */
export function readAccounts(env: Env): DatabaseAccounts {
  const { value, problems } = readAll(Maintenance, env);
  refuse(problems);
  const [program, owner] = [new URL(value.DATABASE_URL), new URL(value.DATABASE_OWNER_URL)];
  if (program.pathname !== owner.pathname)
    throw new ConfigError("bad configuration: DATABASE_URL and DATABASE_OWNER_URL name different databases");
  return {
    databaseUrl: value.DATABASE_URL,
    ownerUrl: value.DATABASE_OWNER_URL,
    eventsDays: value.EVENTS_DAYS,
  };
}

let current: Config | undefined;

/** The configuration of this process, read once. @throws ConfigError */
export function config(): Config {
  current ??= readConfig(process.env);
  return current;
}
