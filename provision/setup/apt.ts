// apt-get, which waits for another one that works just now.
import { appendFileSync } from "node:fs";
import { ask } from "../script/children.ts";
import { Stop, say } from "../script/say.ts";

/** A machine's first updates may well take that long. */
const LOCK_SECONDS = 900;
/** What it says when another one has a lock: that of its lists, of its archives, or dpkg's. */
const LOCKED =
  /Could not get lock (\S+?)\.? (?:It is held by process (\d+)(?: \(([^)]*)\))?)?|Unable to (?:lock|acquire)/;

/**
 * Runs it, its output going into the log; as long as another program has its locks, again and again. (Its own option
 * DPkg::Lock::Timeout waits for dpkg's lock alone, not for that of the lists, and tells nobody that it waits.)
 * @throws Stop when it fails
 */
export async function aptGet(words: string[], log: string, every = 2000): Promise<void> {
  const deadline = Date.now() + LOCK_SECONDS * 1000;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
  for (let told = false; ; await Bun.sleep(every)) {
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
    if (!told) say(`setup: another program is installing packages${holder}; waiting for it to finish`);
    told = true;
  }
}
