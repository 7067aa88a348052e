// Checks that the ports that a stack and its demo machines need are free, before anything is made.
import { readFileSync } from "node:fs";
import { ask } from "../script/children.ts";
import { Stop } from "../script/say.ts";

export interface Wanted {
  /** the setting for it */
  name: string;
  address: string;
  port: number;
  /** how many, starting with this one */
  count?: number;
}

interface Listener {
  address: string;
  port: number;
  /** the process that has it, and its pid; unknown if it is another OS user's */
  process: string | undefined;
  pid: number | undefined;
}

/** Everything that listens on TCP here. */
async function listeners(): Promise<Listener[]> {
  const { stdout } = await ask(["ss", "-ltnpH"]);
  return stdout.split("\n").flatMap((line) => {
    const [, address, port] = /^\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s/.exec(line) ?? [];
    if (!address || !port) return [];
    const [, process, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(line) ?? [];
    return { address, port: Number(port), process, pid: pid ? Number(pid) : undefined };
  });
}

const EVERYWHERE = ["0.0.0.0", "*", "[::]"];
const collides = (one: string, wanted: string) =>
  one === wanted || one === `[${wanted}]` || EVERYWHERE.includes(one) || EVERYWHERE.includes(wanted);

/** Another port to try: above the privileged ones, and beyond what is taken. */
function another(port: number, count: number): number {
  const away = port < 1024 ? 8000 : Math.max(100, count);
  return port + away + count > 65_535 ? port - away : port + away;
}

/**
 * Stops at the first port that something else has, naming that process and the setting to change.
 * @param isOurs whether the process may have it, such as the running stack
 */
export async function checkPorts(
  wanted: Wanted[],
  isOurs: (listener: { port: number; pid: number | undefined }) => boolean,
): Promise<void> {
  const all = await listeners();
  for (const { name, address, port, count = 1 } of wanted)
    for (const at of all) {
      const host = address === "localhost" ? "127.0.0.1" : address;
      if (at.port < port || at.port >= port + count || !collides(at.address, host) || isOurs(at)) continue;
      const who = at.process ? `${at.process} (process ${at.pid})` : "a process of another user";
      throw new Stop(
        `port ${at.port} is taken by ${who}; stop it, or use ${count > 1 ? `${count} other ports` : "another port"}: ` +
          `${name}=${another(count > 1 ? at.port : port, count)} just run`,
      );
    }
}

/** Whether a process was started by another one, or by what that started. */
export function descendsFrom(pid: number | undefined, ancestor: number | undefined): boolean {
  for (let at = pid; at !== undefined && at > 1; at = parentOf(at)) if (at === ancestor) return true;
  return false;
}

function parentOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^PPid:\t(\d+)/m.exec(status)?.[1]);
  } catch {
    return undefined;
  }
}
