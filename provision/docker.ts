// The stack in containers: database, API, scheduler and nginx, as described in compose.yml.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Compose, compose as composeOf, needEngine } from "./docker/compose.ts";
import { checkSecrets, makeSecrets, makeTls, servedName } from "./docker/files.ts";
import { bringUp, getImages, makeUsers } from "./docker/start.ts";
import { SERVICES, statusOf } from "./docker/status.ts";
import type { Driver } from "./driver.ts";
import { ask, asksHelp, run } from "./script/children.ts";
import { Stop, say } from "./script/say.ts";
import { DOT_ENV, MACHINES_FILE, ROOT, type Settings, STATE } from "./script/settings.ts";
import { waitFor } from "./script/wait.ts";
import { addresses } from "./stack/addresses.ts";
import { apiAt, proxyReady, proxyTls } from "./stack/api.ts";
import { checkPorts } from "./stack/ports.ts";

const READY_MS = 60_000;

export function dockerDriver(settings: Settings): Driver {
  const where = () => addresses(settings, "docker");
  const ready = () => proxyReady(settings, "docker");

  /** @throws Stop when there is no engine */
  async function compose(dev = false): Promise<Compose> {
    await needEngine();
    return composeOf(settings, dev);
  }

  async function check(): Promise<void> {
    checkSecrets(settings);
    const { https, near } = where();
    const { stdout } = await (await compose()).ask(["port", "nginx", "8443"]);
    const ours = stdout.trim().endsWith(`:${https}`);
    await checkPorts([{ name: "HTTPS_PORT", address: near, port: https }], () => ours);
  }

  async function up(dev: boolean, words: string[] = []): Promise<void> {
    const it = await compose(dev);
    makeSecrets(settings);
    await makeTls(settings);
    await getImages(it);
    await check();
    if (dev)
      for (const name of ["node_modules", "web/dist"]) mkdirSync(join(ROOT, name), { recursive: true }); // mount points
    say(`building ${it.project}:${it.version}`);
    if ((await it.run(["build", "--quiet"])) !== 0)
      throw new Stop("the image can't be built (see above). Run without containers: MODE=native just run");
    say("starting database, API, scheduler and nginx");
    await bringUp(it, ["db"]);
    await makeUsers(it, settings);
    if ((await owner(it, ["migrate"])) !== 0)
      throw new Stop("the tables are not up to date: see above. Once it is fixed: just run");
    await bringUp(it, ["--remove-orphans", ...words]);
    if (!(await waitFor(ready, READY_MS, 200)))
      throw new Stop(`${where().publicUrl}/readyz does not answer; look at: just docker-logs`);
    // Unused images of earlier builds.
    await ask([
      "docker",
      "image",
      "prune",
      "--force",
      "--filter",
      `label=com.docker.compose.project=${it.project}`,
    ]);
    say(`ready: ${where().publicUrl} (Docker, project ${it.project})`);
  }

  async function down(dev: boolean, words: string[] = []): Promise<void> {
    const code = await (await compose(dev)).run(["down", "--remove-orphans", ...words]);
    if (code !== 0) throw new Stop("", code);
  }

  const owner = (it: Compose, words: string[]) =>
    it.run(["run", "--rm", "--no-deps", "--no-TTY", "owner", ...words]);

  async function status(print = say): Promise<boolean> {
    const it = await compose();
    const found = await Promise.all(SERVICES.map((service) => statusOf(it, service)));
    for (const { line } of found) print(line);
    const { publicUrl } = where();
    const isReady = await ready();
    print(isReady ? `ready: ${publicUrl}` : `${publicUrl} does not answer; start it with: just run`);
    return isReady && found.every(({ up: isUp }) => isUp);
  }

  async function logs(dev: boolean, words: string[]): Promise<number> {
    const it = await compose(dev);
    if (process.stdout.isTTY) return it.run(["logs", "--follow", "--tail=100", ...words]);
    return it.plain(["logs", ...words]);
  }

  async function remove(): Promise<void> {
    const it = await compose();
    await it.run(["down", "--remove-orphans", "--volumes"]);
    const ours = `label=com.docker.compose.project=${it.project}`;
    const { stdout } = await ask(["docker", "image", "ls", "--quiet", "--filter", ours]);
    const images = [...new Set(stdout.split("\n").filter(Boolean))];
    if (images.length > 0) await ask(["docker", "image", "rm", "--force", ...images]);
    // The demo machines' image, unless another checkout's machines use it.
    await ask([
      "docker",
      "image",
      "prune",
      "--all",
      "--force",
      "--filter",
      "label=machine-manager.demo=true",
    ]);
    for (const place of [STATE, DOT_ENV, MACHINES_FILE]) rmSync(place, { recursive: true, force: true });
  }

  return {
    mode: "docker",
    settings,
    check,
    up,
    down,
    removeDatabase: () => down(false, ["--volumes"]),
    status,
    logs,
    async owner(words) {
      // Help needs no container.
      if (asksHelp(words)) return run(["bun", "--no-env-file", "server.ts", ...words], { cwd: ROOT });
      const it = await compose();
      const running = await it.ask(["ps", "--quiet", "--status", "running", "db"]);
      if (!running.stdout.trim()) throw new Stop("nothing is running; start it with: just run");
      return owner(it, words);
    },
    async program(words, input) {
      const given = input === undefined ? { interactive: true } : { input };
      const command = ["exec", "--no-TTY", "api", "bun", "--no-env-file", "server.ts", ...words];
      return (await compose()).run(command, given);
    },
    api() {
      const { near, https } = where();
      const name = servedName();
      return apiAt(`https://${near}:${https}`, settings, proxyTls("docker"), name ? { host: name } : {});
    },
    remove,
    more: {
      compose: async (words) => (await compose()).run(words, { interactive: true }),
      project: async () => {
        say(composeOf(settings, false).project);
        return 0;
      },
    },
  };
}
