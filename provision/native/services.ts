// The wanted services, as s6 reads them: a folder each.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRoot, ROOT, type Settings } from "../script/settings.ts";
import { writeWhole } from "../script/write.ts";
import { at, writeFiles } from "./files.ts";
import { CHECKOUT, type Places } from "./places.ts";
import { sourceSum } from "./sources.ts";

export const SERVICES = ["db", "api", "scheduler", "nginx"] as const;

/** A service's folder. */
export const folderOf = (service: string): string => at(join("run/service", service));

/** Called after each end. Kills what the service left in its process group: nginx's workers would keep its port. */
const FINISH = `#!/bin/sh
read -r group <group
case $group in '' | *[!0-9]* | 0 | 1) ;; *) kill -s KILL -- "-$group" 2>/dev/null ;; esac
printf '%-10s' 0 1<>group
`;

/**
 * Writes the programs' settings and their services' folders. The file `settings` in each has the checksum of the service's
 * settings: when it changes, `up` restarts that service, and only that one.
 * @returns the names of the services; `up` removes any others
 */
export async function render(settings: Settings, places: Places, dev: boolean): Promise<string[]> {
  await writeFiles(settings, places, dev);
  // A `just run` after a `git pull` restarts the program. (With --watch it notices on its own.)
  writeWhole(at("run/sources"), dev ? "" : sourceSum(ROOT));
  const watch = dev ? " --watch" : "";
  const program = ["run/program.env", "run/sources"];
  const services: [name: string, signal: string, more: string, reads: string[]][] = [
    ["api", "TERM", watch, program],
    ["scheduler", "TERM", watch, program],
    ["nginx", "QUIT", "", ["nginx/nginx.conf", "nginx/site.conf", "certificate/cert.pem"]],
  ];
  if (!settings.secret("DATABASE_URL"))
    services.unshift(["db", "TERM", "", ["mysql/my.cnf", "mysql/init.sql"]]);
  if (dev) services.push(["web", "TERM", "", []]);
  // If we are not root, the program runs in the checkout itself.
  if (dev && isRoot) services.push(["sources", "TERM", "", []]);
  for (const [name, signal, more, reads] of services) writeService(places, name, signal, more, reads);
  return services.map(([name]) => name);
}

function writeService(places: Places, name: string, signal: string, more: string, reads: string[]): void {
  const folder = folderOf(name);
  mkdirSync(join(folder, "log"), { recursive: true });
  const script = join(ROOT, "provision/native/service.sh").replace(/["$`\\]/g, "\\$&");
  const run = `#!/bin/sh
# s6-supervise restarts it a second after it ends, without end.
exec 2>&1
umask 022
# Overwrites in place, which works even on a full disk.
printf '%-10s' "$$" 1<>group
export CHECKOUT=${CHECKOUT} STATE=${places.inside} APP=${places.app}
exec bash "${script}" ${name}${more}
`;
  const logRun = `#!/bin/sh\nexec s6-log n2 s10000000 "${places.inside}/log/${name}"\n`;
  writeWhole(join(folder, "run"), run, 0o700);
  writeWhole(join(folder, "finish"), FINISH, 0o700);
  if (!existsSync(join(folder, "group"))) writeWhole(join(folder, "group"), "0".padEnd(10));
  writeWhole(join(folder, "log/run"), logRun, 0o700);
  writeWhole(join(folder, "down-signal"), `SIG${signal}\n`);
  writeWhole(join(folder, "timeout-kill"), "12000\n");
  const sum = new Bun.CryptoHasher("sha256");
  for (const file of reads) sum.update(readFileSync(at(file)));
  writeWhole(join(folder, "settings"), sum.update(run).update(logRun).digest("hex"));
}
