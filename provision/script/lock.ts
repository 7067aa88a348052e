// One `up` of a checkout at a time.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Stop } from "./say.ts";

const WAIT_SECONDS = 150;

/** A reference that keeps the pipe to it open. */
let holder: Bun.Subprocess<"pipe", "pipe", "ignore"> | undefined;

/**
 * Takes a lock, which is held until this process ends, however it ends: `flock` holds it for a child that waits for its
 * standard input, a pipe from us, to be closed.
 * @throws Stop if another process holds it for too long
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
  if (done) throw new Stop("another command is working on this checkout; try again when it is done");
  holder.unref();
}
