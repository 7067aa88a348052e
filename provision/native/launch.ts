// Starts and stops the native stack's manager, and everything with it.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { note, Stop, say } from "../script/say.ts";
import { isRoot, type Settings, STATE, withoutSettings } from "../script/settings.ts";
import { waitFor } from "../script/wait.ts";
import { writeWhole } from "../script/write.ts";
import { at } from "./files.ts";
import { MANAGER, MANAGER_PID, managerPid, pidIn, wordsOf } from "./manager.ts";
import { ownPlaces } from "./places.ts";
import { waitStanding } from "./s6.ts";

const STOP_MS = 40_000;

/** The manager's output, including what it can't start, goes to a log that rotates. */
const LOGGED = 'exec "$0" "$1" > >(exec s6-log n1 s1000000 "$2") 2>&1';
/** A mount namespace: only the services see these mounts, which disappear with the last of them. */
const MOUNTED = 'mount --bind "$1" "$2" && mount --bind "$3" "$2/run/bun" && shift 3 && exec "$@"';

/** @throws Stop if it does not start */
export async function launch(settings: Settings): Promise<void> {
  const { inside, outside } = ownPlaces();
  const bun = process.execPath;
  rmSync(at("run/bun"), { force: true });
  rmSync(`${outside}/db/mysql.sock`, { force: true });
  if (!existsSync(outside)) mkdirSync(outside, { mode: 0o700 });
  if (statSync(outside).uid !== process.getuid?.())
    throw new Stop(`${outside} belongs to somebody else; remove it`);
  if (isRoot) writeFileSync(at("run/bun"), "");
  else symlinkSync(bun, at("run/bun"));
  const logged = ["bash", "-c", LOGGED, MANAGER, at("run/service"), at("log/manager")];
  const mounted = [
    "unshare",
    "--mount",
    "--propagation",
    "slave",
    "bash",
    "-c",
    MOUNTED,
    "-",
    STATE,
    inside,
    bun,
  ];
  const log = openSync(at("log/start.log"), "w", 0o600);
  // The services must not inherit settings from the shell that called us.
  const child = Bun.spawn(isRoot ? [...mounted, ...logged] : logged, {
    cwd: STATE,
    env: withoutSettings(settings),
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  writeWhole(MANAGER_PID, `${child.pid}\n`);
  if (await waitStanding()) return;
  note(readFileSync(at("log/start.log"), "utf8"));
  throw new Stop(
    "s6-svscan did not start (as root it needs the right to mount: in a container, CAP_SYS_ADMIN)",
  );
}

/** Stops the native stack. @throws Stop if it does not stop */
export async function down(): Promise<void> {
  const pid = managerPid();
  if (pid === undefined) return say("native: nothing is running");
  say("native: stopping");
  process.kill(pid, "SIGTERM");
  if (!(await waitFor(() => !runs(pid), STOP_MS, 100)))
    throw new Stop(`the manager (process ${pid}) does not stop; see .local/log`);
  rmSync(`${ownPlaces().outside}/db/mysql.sock`, { force: true });
  rmSync(MANAGER_PID, { force: true });
  say("native: stopped");
}

/** An earlier version ran under supervisord, whose services hold our ports. */
export async function endSupervisord(): Promise<void> {
  const pid = pidIn(at("run/supervisord.pid"));
  if (pid === undefined || !wordsOf(pid).join(" ").includes("supervisord")) return;
  say("native: stopping the services of an earlier version");
  process.kill(pid, "SIGTERM");
  if (!(await waitFor(() => !runs(pid), STOP_MS, 100)))
    throw new Stop(`supervisord (process ${pid}) does not stop; kill it by hand`);
  for (const name of readdirSync(at("run")).filter((one) => one.startsWith("supervisor")))
    rmSync(at(`run/${name}`));
  for (const name of readdirSync(at("log")).filter((one) => /\.log/.test(one))) rmSync(at(`log/${name}`));
}

/** (Not a zombie, which may still be there because nobody has waited for it.) */
function runs(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
