// How the scripts here run other programs: as children that end with us. Ctrl-C ends them, and then us, with 130.
import { delimiter } from "node:path";

// An ordinary user's PATH lacks these folders, which have mariadbd, nginx and sshd.
process.env.PATH = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/sbin"]
  .filter(Boolean)
  .join(delimiter);

/** How long a child may take to end before it is killed. */
const GRACE_MS = 10_000;

export type Env = Record<string, string | undefined>;

export interface Options {
  cwd?: string;
  /** default: ours */
  env?: Env;
  /** its standard input; default: nothing */
  input?: string;
  /** it reads our standard input: a terminal, say */
  interactive?: boolean;
  /** a time limit */
  seconds?: number;
  /** must not be interrupted: on a signal, only it is asked to end, none of its children, and we wait for it */
  uncut?: boolean;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

type Child = Bun.Subprocess<"ignore" | "inherit" | Blob, "inherit" | "pipe", "inherit" | "pipe">;
const living = new Map<Child, Options>();

/**
 * Each child leads its own process group: a terminal's Ctrl-C reaches only us, and we end the child with all that it has
 * started. (Ansible, for one, answers Ctrl-C with a traceback from each of its processes.)
 */
function start(command: string[], options: Options, output: "inherit" | "pipe"): Child {
  const child = Bun.spawn(command, {
    cwd: options.cwd ?? process.cwd(),
    env: options.env ?? process.env,
    stdin:
      options.input === undefined ? (options.interactive ? "inherit" : "ignore") : new Blob([options.input]),
    stdout: output,
    stderr: output,
    detached: !options.interactive,
  }) as Child;
  living.set(child, options);
  void child.exited.then(() => living.delete(child));
  if (options.seconds !== undefined) {
    const timer = setTimeout(() => end(child, "SIGKILL"), options.seconds * 1000);
    void child.exited.then(() => clearTimeout(timer));
  }
  return child;
}

/** Sends a signal to a child, and to all that it has started. */
function end(child: Child, signal: "SIGTERM" | "SIGKILL"): void {
  // Never 0 or 1: -0 and -1 mean everybody.
  if (child.exitCode !== null || !(child.pid > 1)) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // it leads no group, or has just ended
  }
}

/** Asks a child to end, and kills it if it doesn't. */
export async function endChild(child: {
  readonly pid: number;
  readonly exited: Promise<number>;
}): Promise<void> {
  end(child as Child, "SIGTERM");
  const timer = setTimeout(() => end(child as Child, "SIGKILL"), GRACE_MS);
  await child.exited;
  clearTimeout(timer);
}

/** Waits for a child that must not be interrupted. (apt-get ends at once while it downloads, otherwise when dpkg is done.) */
async function untilEnded(child: Child): Promise<void> {
  child.kill("SIGINT");
  await child.exited;
}

const cleanups = new Set<() => unknown>();
/**
 * Has something cleaned up before a signal ends us: a temporary folder, say. A promise is waited for; the last one that was
 * registered runs first. @returns forgets it again
 */
export function onSignal(cleanup: () => unknown): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

let ending = false;
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  process.once(signal, async () => {
    ending = true;
    await Promise.all([...living].map(([child, { uncut }]) => (uncut ? untilEnded(child) : endChild(child))));
    for (const cleanup of [...cleanups].reverse()) await cleanup();
    process.exit(code);
  });

/** Runs a command to its end, with our standard output. @returns its exit code */
export async function run(command: string[], options: Options = {}): Promise<number> {
  if (!Bun.which(command[0] ?? "")) throw new Error(`there is no command ${command[0]}`);
  const code = await start(command, options, "inherit").exited;
  // When a signal ends us, that (above) decides what is still done, and our exit code.
  return ending ? new Promise<never>(() => {}) : code;
}

/** Runs a command to its end, and captures its output. Not found: code 127. */
export async function ask(command: string[], options: Options = {}): Promise<Ran> {
  if (!Bun.which(command[0] ?? "")) return { code: 127, stdout: "", stderr: `${command[0]}: not found` };
  const child = start(command, options, "pipe");
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout as ReadableStream).text(),
    new Response(child.stderr as ReadableStream).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** Runs a command to its end, and passes on its output, changed. @returns its exit code */
export async function filtered(
  command: string[],
  change: (text: string) => string,
  options: Options = {},
): Promise<number> {
  const child = start(command, options, "pipe");
  const pass = async (from: ReadableStream<Uint8Array>, to: Bun.BunFile) => {
    const writer = to.writer();
    const decoder = new TextDecoder();
    for await (const chunk of from) {
      writer.write(change(decoder.decode(chunk, { stream: true })));
      await writer.flush();
    }
    await writer.end();
  };
  await Promise.all([
    pass(child.stdout as ReadableStream<Uint8Array>, Bun.stdout),
    pass(child.stderr as ReadableStream<Uint8Array>, Bun.stderr),
  ]);
  return child.exited;
}

/** Starts a command in the background, with our standard output. */
export function beside(command: string[], options: Options = {}): Bun.Subprocess {
  return start(command, options, "inherit");
}

/** Whether a command line asks for help. */
export const asksHelp = (words: string[]): boolean =>
  words.some((word) => word === "--help" || word === "-h");
