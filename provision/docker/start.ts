// Starts the containers, and waits until all of them answer.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ask, endChild } from "../script/children.ts";
import { note, Stop, say } from "../script/say.ts";
import { ROOT, type Settings } from "../script/settings.ts";
import { usersSql } from "../stack/database.ts";
import { type Compose, withoutErase } from "./compose.ts";
import { endsOf, SERVICES } from "./status.ts";

/** A service that has ended this often since it was started will keep doing so. */
const MOST_ENDS = 4;
const WITHOUT = "MODE=native just run";

/** Gets the images that are not built here. @throws Stop if one can't be pulled */
export async function getImages(compose: Compose): Promise<void> {
  const config = await compose.ask(["config", "--images"]);
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const froms = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?/gm)];
  const stages = new Set(froms.map(([, , stage]) => stage));
  const images = new Set([
    ...config.stdout.split("\n").filter((name) => name && !name.startsWith(`${compose.project}:`)),
    ...froms.map(([, name = ""]) => name).filter((name) => !stages.has(name)),
  ]);
  for (const image of images) {
    if ((await ask(["docker", "image", "inspect", image])).code === 0) continue;
    say(`getting ${image}`);
    const pulled = await ask(["docker", "pull", "--quiet", image]);
    if (pulled.code === 0) continue;
    note(pulled.stderr.trimEnd());
    throw new Stop(
      `the image ${image} can't be pulled (is a registry reachable?).\n  Run without containers: ${WITHOUT}`,
    );
  }
}

/** Shows why the stack does not come up, and stops. @param service the one at fault, if known */
async function giveUp(compose: Compose, service?: string): Promise<never> {
  note((await compose.ask(["ps", "--all"])).stdout.trimEnd());
  const states = await compose.ask(["ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}"]);
  const bad = states.stdout.split("\n").flatMap((line) => {
    const [name, state, health] = line.split(" ");
    return name && (state !== "running" || health === "unhealthy") ? [name] : [];
  });
  const shown = service ? [service] : [...new Set(bad)];
  note(withoutErase((await compose.ask(["logs", "--tail", "15", ...shown])).stdout).trimEnd());
  throw new Stop(
    "the stack did not come up: see above; all of its log: just docker-logs. Once it is fixed: just run",
  );
}

/**
 * `docker compose up` until all of them answer, or one has ended four times: it would be retried without end.
 * @throws Stop with the end of its log
 */
export async function bringUp(compose: Compose, words: string[]): Promise<void> {
  const since = new Date().toISOString();
  const up = compose.beside(["up", "--detach", "--wait", "--wait-timeout", "180", ...words]);
  while (up.exitCode === null) {
    for (const service of SERVICES)
      if ((await endsOf(compose, service, since)).length >= MOST_ENDS) {
        await endChild(up);
        note(`${service} does not start`);
        await giveUp(compose, service);
      }
    await Promise.race([up.exited, Bun.sleep(1000)]);
  }
  if ((await up.exited) !== 0) await giveUp(compose);
}

/**
 * Makes the database and its database users, even in an earlier version's volume: as MariaDB's root, over its socket. Their
 * passwords go through standard input and root's is read inside the container, so no process list shows any.
 */
export async function makeUsers(compose: Compose, settings: Settings): Promise<void> {
  const client =
    "MYSQL_PWD=$(cat /run/secrets/database_root_password) exec mariadb --user=root --protocol=socket";
  const input = usersSql(settings, "%");
  if ((await compose.run(["exec", "-T", "db", "sh", "-c", client], { input })) === 0) return;
  throw new Stop(
    "MariaDB refused root's password (see above). Is .local/docker/secrets/database_root_password the one that the volume was made with?",
  );
}
