// The stack without containers: MariaDB, API, scheduler and nginx under s6, with all their files in .local.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Driver } from "./driver.ts";
import { apiAddress, at } from "./native/files.ts";
import { down, endSupervisord, launch } from "./native/launch.ts";
import { managerPid, standing } from "./native/manager.ts";
import { ownPlaces } from "./native/places.ts";
import { asOwner, asProgram, buildDashboard, copyOfSources, migrate } from "./native/program.ts";
import { proxyAnswers, waitReady } from "./native/ready.ts";
import { apply, dropOthers, forgetEnds, keepSettings } from "./native/s6.ts";
import { render, SERVICES } from "./native/services.ts";
import { status } from "./native/status.ts";
import { installSystemd, uninstallSystemd, writeUnits } from "./native/systemd.ts";
import { asksHelp, run } from "./script/children.ts";
import { lock } from "./script/lock.ts";
import { Stop, say } from "./script/say.ts";
import { DOT_ENV, isRoot, MACHINES_FILE, needDotEnv, ROOT, type Settings, STATE } from "./script/settings.ts";
import { addresses, checkPublished, portSetting } from "./stack/addresses.ts";
import { apiAt } from "./stack/api.ts";
import { databasePasswords } from "./stack/database.ts";
import { checkPorts, descendsFrom } from "./stack/ports.ts";

/** What it needs: command → Debian package. */
const NEEDED = { "s6-svscan": "s6", mariadbd: "mariadb-server", nginx: "nginx" };

export function nativeDriver(settings: Settings): Driver {
  const own = (name: string) => settings.secret(name) !== "";

  function checkSettings(): void {
    needDotEnv();
    databasePasswords(settings);
    if (own("DATABASE_OWNER_URL") && !own("DATABASE_URL"))
      throw new Stop("DATABASE_OWNER_URL is set, but DATABASE_URL is not; set both, or neither");
    if (!isRoot && !/^[A-Za-z0-9_/.+@-]+$/.test(ROOT))
      throw new Stop(
        `the path ${ROOT} has a character that nginx or a shell would misread; move the checkout`,
      );
    const { https, http, publish } = addresses(settings, "native");
    const ports = { HTTPS_PORT: https, HTTP_PORT: http, PORT: portSetting(settings, "PORT", 3000) };
    for (const [name, port] of Object.entries(ports))
      if (!isRoot && port < firstOfOurs())
        throw new Stop(
          `${name}=${port}: only root may use this port; take another, for example ${name}=${port + 8000}`,
        );
    checkPublished(settings, publish);
    for (const [command, debian] of Object.entries(NEEDED))
      if (!Bun.which(command)) throw new Stop(`${debian} is missing; install it with: just setup`);
  }

  async function check(): Promise<void> {
    checkSettings();
    await endSupervisord();
    const { https, http, near } = addresses(settings, "native");
    const host = settings.get("HOST") || "127.0.0.1";
    const top = managerPid();
    await checkPorts(
      [
        { name: "HTTPS_PORT", address: near, port: https },
        { name: "HTTP_PORT", address: near, port: http },
        { name: "PORT", address: host, port: portSetting(settings, "PORT", 3000) },
      ],
      ({ pid }) => descendsFrom(pid, top),
    );
  }

  async function up(dev: boolean): Promise<void> {
    checkSettings();
    await lock(at("lock"));
    await check();
    await buildDashboard();
    copyOfSources();
    const services = await render(settings, ownPlaces(), dev);
    if (standing()) await apply(services);
    else {
      say("native: starting database, API, scheduler and nginx (logs in .local/log)");
      await dropOthers(services);
      keepSettings(services);
      await launch(settings);
    }
    await forgetEnds(services);
    await migrate(settings, services);
    await waitReady(settings, services);
  }

  const removeDatabase = async () => rmSync(at("mysql"), { recursive: true, force: true });

  async function remove(): Promise<void> {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .flatMap((line) => line.split(" ")[4] ?? [])
      .filter((place) => `${place}/`.startsWith(`${STATE}/`));
    if (mounts.length > 0) throw new Stop(`still mounted, so nothing was deleted: ${mounts.join(" ")}`);
    for (const name of ["ansible", "certificate", "log", "machines", "mysql", "nginx", "run", "lock"])
      rmSync(at(name), { recursive: true, force: true });
    const { outside } = ownPlaces();
    if (outside.startsWith("/tmp/")) rmSync(outside, { recursive: true, force: true });
    if (existsSync(at("docker")))
      say("native: .env and .local/docker stay: they belong to the stack in Docker as well");
    else for (const place of [STATE, DOT_ENV, MACHINES_FILE]) rmSync(place, { recursive: true, force: true });
    say("native: clean");
  }

  async function install(): Promise<void> {
    checkSettings();
    await lock(at("lock"));
    await buildDashboard();
    await installSystemd(settings, {
      copySources: copyOfSources,
      migrate: (services) => migrate(settings, services),
      waitReady: () => proxyAnswers(settings),
    });
    const { publicUrl } = addresses(settings, "native");
    say(
      `systemd: ready at ${publicUrl}, also after the next boot; what runs: systemctl status 'machine-manager-*'`,
    );
  }

  return {
    mode: "native",
    settings,
    check,
    up,
    down,
    removeDatabase,
    status: (print) => status(settings, print),
    logs: (_, words) => logs(words),
    owner(words) {
      const ready = asksHelp(words) || own("DATABASE_URL") || standing();
      if (!ready) throw new Stop("nothing is running; start it with: just run");
      return asOwner(settings, words);
    },
    program: (words, input) => asProgram(settings, words, input),
    api: () => apiAt(`http://${apiAddress(settings)}`, settings),
    remove,
    more: {
      "install-systemd": () => install().then(() => 0),
      "uninstall-systemd": () => uninstallSystemd().then(() => 0),
      async units([folder = ""]) {
        checkSettings();
        if (!existsSync(folder)) throw new Stop("units: name a folder");
        await writeUnits(settings, resolve(folder));
        return 0;
      },
    },
  };
}

/** The first unprivileged port. */
function firstOfOurs(): number {
  const file = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 1024;
}

/** Shows the last 200 lines of each log, or of the named ones. */
async function logs(words: string[]): Promise<number> {
  const names = words.filter((word) => word !== "-f");
  const known: readonly string[] = SERVICES;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong)
    throw new Stop(`logs: no such log: ${wrong} (there are db, api, scheduler and nginx; -f follows)`);
  if (!existsSync(at("log"))) throw new Stop("there are no logs yet; start the stack with: just run");
  const files = (names.length > 0 ? names : SERVICES).map((name) => join(at("log"), name, "current"));
  return run(["tail", "-n", "200", ...(words.includes("-f") ? ["-F"] : []), ...files]);
}
