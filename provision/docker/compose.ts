// `docker compose` on this checkout's stack, with the variables that compose.yml needs.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ask, beside, type Env, filtered, type Options, type Ran, run } from "../script/children.ts";
import { Stop } from "../script/say.ts";
import { ROOT, type Settings, STATE } from "../script/settings.ts";
import { addresses } from "../stack/addresses.ts";
import { composeProject } from "./project.ts";

/** A container's log without escape codes: some versions of Compose put "erase line" before each line. */
export const withoutErase = (text: string): string => text.replaceAll("\u001b[2K", "");

export interface Compose {
  project: string;
  version: string;
  /** Runs it with our standard output. @returns its exit code */
  run(words: string[], options?: Options): Promise<number>;
  /** Runs it, and captures its output. */
  ask(words: string[], options?: Options): Promise<Ran>;
  /** Runs it, and passes on its output without escape codes. @returns its exit code */
  plain(words: string[]): Promise<number>;
  /** Starts it in the background. */
  beside(words: string[]): Bun.Subprocess;
}

/** @param dev with the sources of this checkout, reloaded when they change */
export function compose(settings: Settings, dev: boolean): Compose {
  const project = composeProject();
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { https, publish } = addresses(settings, "docker");
  const { uid, gid } = statSync(ROOT);
  // A checkout of root's is read as `bun`.
  const [user, group] = uid === 0 ? [1000, 1000] : [uid, gid];
  const env: Env = {
    ...process.env,
    COMPOSE_PROJECT_NAME: project,
    COMPOSE_FILE: dev ? "compose.yml:compose.dev.yml" : "compose.yml",
    APP_VERSION: version,
    HTTPS_PORT: String(https),
    PUBLISH_ADDRESS: publish,
    DEV_USER: `${user}:${group}`,
    DEV_OWNER: `uid=${user},gid=${group}`,
    ...(process.stdout.isTTY ? {} : { COMPOSE_ANSI: "never" }),
  };
  const command = (words: string[]) => ["docker", "compose", ...words];
  // The stamps are of the files at the time it is run.
  const place = (options: Options = {}) => ({ ...options, cwd: ROOT, env: { ...env, ...stamps() } });
  return {
    project,
    version,
    run: (words, options) => run(command(words), place(options)),
    ask: (words, options) => ask(command(words), place(options)),
    plain: (words) => filtered(command(words), withoutErase, place()),
    beside: (words) => beside(command(words), place()),
  };
}

/** When one of these files changes, the containers that mount it are recreated. */
function stamps(): Env {
  const secrets = ["database_url", "secret_key", "admin_token", "proxy_secret"];
  const glob = (pattern: string, folder: string) =>
    [...new Bun.Glob(pattern).scanSync({ cwd: folder, onlyFiles: true })]
      .sort()
      .map((name) => join(folder, name));
  const tls = join(STATE, "docker/tls");
  return {
    SECRETS_STAMP: stamp(secrets.map((name) => join(STATE, "docker/secrets", name))),
    NGINX_STAMP: stamp([
      ...["cert.pem", "hosts", "hsts", "key.pem"].map((name) => join(tls, name)),
      join(ROOT, "nginx/site.conf.template"),
      ...glob("*", join(ROOT, "nginx/docker")),
    ]),
  };
}

function stamp(files: string[]): string {
  const sum = new Bun.CryptoHasher("sha256");
  for (const file of files)
    try {
      sum.update(readFileSync(file));
    } catch {
      // not made yet
    }
  return sum.digest("hex").slice(0, 16);
}

/** @throws Stop, saying what to do, if there is no engine that we may use */
export async function needEngine(): Promise<void> {
  const without = "Or run without it: MODE=native just run";
  if (!Bun.which("docker"))
    throw new Stop("there is no docker command here. Run without it: MODE=native just run");
  const [engine, plugin] = await Promise.all([
    ask(["docker", "version"]),
    ask(["docker", "compose", "version"]),
  ]);
  if (engine.code !== 0)
    throw new Stop(
      `no Docker engine answers (${engine.stderr.trim().split("\n")[0]}).\n  Start one, or check that you may use it (group docker). ${without}`,
    );
  if (plugin.code !== 0)
    throw new Stop(`docker has no 'compose' (install docker-compose-plugin). ${without}`);
}
