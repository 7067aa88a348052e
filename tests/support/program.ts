// The program itself, as a separate process: an API on a free port, or a scheduler.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Databases, sharedDatabase } from "./database.ts";
import { freePort } from "./machines.ts";
import { ended } from "./run.ts";
import { until } from "./until.ts";

const SERVER = join(import.meta.dir, "../../server.ts");

export interface Program {
  pid: number;
  url: string;
  /** all of its output so far */
  log(): string;
  /** Sends a signal (SIGTERM) and waits for it to end; returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** Settles when it has ended, however it did. */
  ended: Promise<unknown>;
  /** Whether it has ended. */
  gone(): boolean;
}

export interface How {
  /** a command that runs it, such as `faketime -f +3600s` */
  wrap?: string[];
  /** a module to load before it */
  preload?: string;
  port?: number;
  /** gets the program before it is up */
  onStart?: (program: Program) => void;
}

export interface Settings {
  DATABASE_URL: string;
  SECRET_KEY: string;
  [name: string]: string;
}

/** The headers of a proxy in front of the programs, whose settings have the secret. */
export const PROXY_SECRET = "what-the-tests-proxies-send-along";
export const fromProxy = (headers: Record<string, string>) => ({
  "X-Proxy-Secret": PROXY_SECRET,
  ...headers,
});

const newKey = () => randomBytes(32).toString("base64");

/** Settings for programs that share one new database. */
export async function newSettings(
  more: Record<string, string> = {},
  on: Databases | Promise<Databases> = sharedDatabase(),
): Promise<Settings> {
  const server = await on;
  return { DATABASE_URL: await server.database(), SECRET_KEY: newKey(), ...more };
}

/** Starts the program and waits until it is up. @throws Error with its output if it ends instead */
export async function startProgram(
  settings: Settings,
  role: "api" | "scheduler" = "api",
  how: How = {},
): Promise<Program> {
  const port = role === "api" ? (how.port ?? (await freePort())) : 0;
  const preload = how.preload ? ["--preload", how.preload] : [];
  // Ends with its test process, however that ends: bun test runs no exit handlers.
  const withParent = ["setpriv", "--pdeathsig", "KILL", "--"];
  // Twice, since a wrapper such as faketime runs it in a child process.
  const command = [...withParent, ...(how.wrap ? [...how.wrap, ...withParent] : []), process.execPath];
  const child = Bun.spawn([...command, "--no-env-file", ...preload, SERVER], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "/",
      ...settings,
      PORT: `${port}`,
      ...(role === "scheduler" ? { SCHEDULER: "true" } : {}),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const part of stream) text += decoder.decode(part, { stream: true });
  };
  const all = Promise.all([read(child.stdout), read(child.stderr)]);
  const program: Program = {
    pid: child.pid,
    url: `http://127.0.0.1:${port}`,
    log: () => text,
    signal: (name) => child.kill(name),
    ended: child.exited,
    gone: () => child.exitCode !== null || child.signalCode !== null,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await child.exited;
      return child.exitCode;
    },
  };
  how.onStart?.(program);
  await until(`${role} is up`, 90_000, async () => {
    if (program.gone()) {
      await all;
      throw new Error(`${role} ended with ${child.exitCode ?? child.signalCode}:\n${text}`);
    }
    return text.includes(role === "api" ? "listening on" : "scheduler started");
  });
  return program;
}

/** Runs one of the program's commands to completion, such as `migrate`. */
export function runCommand(settings: Record<string, string>, ...words: string[]) {
  const child = Bun.spawn([process.execPath, "--no-env-file", SERVER, ...words], {
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", ...settings },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return ended(child);
}

/** Settings for programs that share one new database, where they have only the rights that the program needs. */
export async function restrictedSettings(
  more: Record<string, string> = {},
  on: Databases | Promise<Databases> = sharedDatabase(),
) {
  const users = await (await on).databaseUsers();
  const { DATABASE_URL, DATABASE_OWNER_URL } = users;
  const { code, stderr } = await runCommand({ DATABASE_URL, DATABASE_OWNER_URL }, "migrate");
  if (code !== 0) throw new Error(`migrate: ${stderr}`);
  return { users, settings: { DATABASE_URL, SECRET_KEY: newKey(), ...more } };
}

/** The body, but nothing of a stream that never ends. */
export async function textOf(response: Response): Promise<string> {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response.text();
  await response.body?.cancel();
  return "";
}

/** Sends one request, with `body` as JSON. Returns status, headers and the parsed body. */
export async function call(
  program: { url: string },
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(program.url + path, {
    method,
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await textOf(response);
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape; tests assert on them
  let parsed: any;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = text;
  }
  return { status: response.status, headers: response.headers, body: parsed };
}
