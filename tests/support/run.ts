// Runs other programs to their end.
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

/** Runs a command to its end. @param input its standard input; default: nothing */
export async function run(command: string[], env: Record<string, string> = {}, cwd = ROOT, input?: string) {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}
