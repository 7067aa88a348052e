// Runs other programs to their end.
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

/** Waits for a program's end. @returns its exit status, and what it said */
export async function ended(child: Bun.Subprocess<Bun.SpawnOptions.Writable, "pipe", "pipe">) {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** Runs a command to its end. @param input its standard input; default: nothing */
export function run(command: string[], env: Record<string, string> = {}, cwd = ROOT, input?: string) {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  return ended(child);
}
