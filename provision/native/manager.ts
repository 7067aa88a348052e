// The native stack's first process (manager.sh), without which nothing of it goes on. (Needs no package.)
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, STATE } from "../script/settings.ts";

export const MANAGER = join(ROOT, "provision/native/manager.sh");
export const MANAGER_PID = join(STATE, "run/manager.pid");

/** A pid that a file holds, if it is one. */
export function pidIn(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    const pid = /^\d+$/.test(text) ? Number(text) : 0;
    return pid > 1 ? pid : undefined; // 0 and -1 are everybody to kill(2)
  } catch {
    return undefined;
  }
}

/** The words that a process was started with; none when it is gone. */
export function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** The manager's pid while it runs. (A pid alone may have become another program's.) */
export function managerPid(): number | undefined {
  const pid = pidIn(MANAGER_PID);
  return pid !== undefined && wordsOf(pid)[1] === MANAGER ? pid : undefined;
}

export const standing = (): boolean => managerPid() !== undefined;
