// One `up` of a checkout at a time.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Stop } from "./say.ts";

const WAIT_SECONDS = 150;

/** As long as this is known to be in use, the pipe to it stays open. */
let holder: Bun.Subprocess<"pipe", "pipe", "ignore"> | undefined;

/**
 * Takes a lock, which is held until this process ends, however it ends: `flock` holds it for a child that waits for the
 * end of its standard input, which is the other end of a pipe of ours.
 * @throws Stop when another process has it for too long
 */
export async function lock(file: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const held = ["sh", "-c", "echo held; exec cat >/dev/null"];
  holder = Bun.spawn(["flock", "--wait", String(WAIT_SECONDS), file, ...held], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const { done } = await holder.stdout.getReader().read();
  if (done) throw new Stop("another command works on this checkout; try again when it is done");
  holder.unref();
}
