// The native stack's first process (manager.sh), without which none of it keeps running. (Needs no package.)
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, STATE } from "../script/settings.ts";

export const MANAGER = join(ROOT, "provision/native/manager.sh");
export const MANAGER_PID = join(STATE, "run/manager.pid");

/** The pid in a file, if there is one. */
export function pidIn(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    const pid = /^\d+$/.test(text) ? Number(text) : 0;
    return pid > 1 ? pid : undefined; // for kill(2), 0 and -1 mean everybody
  } catch {
    return undefined;
  }
}

/** The command line of a process; empty if it is gone. */
export function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** The manager's pid while it runs. (The pid alone may have been reused by another program.) */
export function managerPid(): number | undefined {
  const pid = pidIn(MANAGER_PID);
  return pid !== undefined && wordsOf(pid)[1] === MANAGER ? pid : undefined;
}

/** Whether the native stack is up. */
export const standing = (): boolean => managerPid() !== undefined;
