// apt-get, waiting for another one that is running.
import { appendFileSync } from "node:fs";
import { ask } from "../script/children.ts";
import { Stop, say } from "../script/say.ts";

/** A machine's first updates may take that long. */
const LOCK_SECONDS = 900;
/** Its message when another process has a lock: on the lists, the archives, or dpkg's. */
const LOCKED =
  /Could not get lock (\S+?)\.? (?:It is held by process (\d+)(?: \(([^)]*)\))?)?|Unable to (?:lock|acquire)/;

/**
 * Runs it with its output in the log, repeatedly while another program has its locks. (Its own option DPkg::Lock::Timeout
 * only waits for dpkg's lock, not for that on the lists, and doesn't say that it is waiting.)
 * @throws Stop if it fails
 */
export async function aptGet(words: string[], log: string, every = 2000): Promise<void> {
  const deadline = Date.now() + LOCK_SECONDS * 1000;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
  for (let announced = false; ; await Bun.sleep(every)) {
    const { code, stdout, stderr } = await ask(["apt-get", "-o", "DPkg::Lock::Timeout=0", ...words], {
      env,
      uncut: true,
    });
    appendFileSync(log, stdout + stderr);
    if (code === 0) return;
    const locked = LOCKED.exec(stderr);
    if (!locked || Date.now() > deadline)
      throw new Stop(
        `apt-get ${words.join(" ")} failed with ${code}${locked ? `: it waited ${LOCK_SECONDS} s for a lock` : ""}`,
      );
    const [, , pid, name] = locked;
    const holder = pid ? ` (${name ? `${name}, ` : ""}process ${pid})` : "";
    if (!announced) say(`setup: another program is installing packages${holder}; waiting for it to finish`);
    announced = true;
  }
}
