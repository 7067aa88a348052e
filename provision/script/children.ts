// How the scripts here run other programs: as children that end with us. Ctrl-C ends them, and then us with 130.
import { delimiter } from "node:path";

// An ordinary user's PATH lacks these, and mariadbd, nginx and sshd are there.
process.env.PATH = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/sbin"]
  .filter(Boolean)
  .join(delimiter);

/** How long a child may take to end by itself, before it is made to. */
const GRACE_MS = 10_000;

export type Env = Record<string, string | undefined>;

export interface Options {
  cwd?: string;
  /** default: ours */
  env?: Env;
  /** its standard input; default: nothing */
  input?: string;
  /** it reads what we are given: a terminal, say */
  interactive?: boolean;
  /** after which it is ended */
  seconds?: number;
  /** must not be cut off: at a signal it is told to end, itself and no child of its own, and waited for */
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
 * Each child leads a process group of its own: a terminal's Ctrl-C reaches us alone, and we end it with all that it
 * has started. (Ansible, for one, answers Ctrl-C with a traceback of each of its processes.)
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
  // Never 0 or 1, which would mean everybody.
  if (child.exitCode !== null || !(child.pid > 1)) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // it leads no group, or has just ended
  }
}

/** Ends a child by force when it does not end by itself. */
export async function endChild(child: {
  readonly pid: number;
  readonly exited: Promise<number>;
}): Promise<void> {
  end(child as Child, "SIGTERM");
  const timer = setTimeout(() => end(child as Child, "SIGKILL"), GRACE_MS);
  await child.exited;
  clearTimeout(timer);
}

/** Waits for what must not be cut off. (apt-get ends at once while it downloads, and else when dpkg is done.) */
async function untilEnded(child: Child): Promise<void> {
  child.kill("SIGINT");
  await child.exited;
}

/** What has to be put right before a signal ends us: a temporary folder removed, say. */
const cleanups = new Set<() => void>();
export function onSignal(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  process.once(signal, async () => {
    await Promise.all([...living].map(([child, { uncut }]) => (uncut ? untilEnded(child) : endChild(child))));
    for (const cleanup of cleanups) cleanup();
    process.exit(code);
  });

/** Runs a command to its end; it speaks for itself. @returns its exit code */
export async function run(command: string[], options: Options = {}): Promise<number> {
  if (!Bun.which(command[0] ?? "")) throw new Error(`there is no command ${command[0]}`);
  return start(command, options, "inherit").exited;
}

/** Runs a command to its end, and keeps what it says. Not there: code 127. */
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

/** Runs a command to its end, and passes on what it says, changed. @returns its exit code */
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

/** Starts a command that goes on beside us; it speaks for itself. */
export function beside(command: string[], options: Options = {}): Bun.Subprocess {
  return start(command, options, "inherit");
}

/** Whether a command line asks what it takes. */
export const asksHelp = (words: string[]): boolean =>
  words.some((word) => word === "--help" || word === "-h");
