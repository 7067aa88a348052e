// Which services in Docker are up; for the others, since when and why they are down.
import { ask } from "../script/children.ts";
import { clock, lastFailure, lastWords } from "../stack/history.ts";
import { type Compose, withoutErase } from "./compose.ts";

export const SERVICES = ["db", "api", "scheduler", "nginx"] as const;

/** A failure whose last end is this recent is still going on. */
const RECENT_SECONDS = 5;
const INSPECT =
  "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.StartedAt}} {{.State.FinishedAt}}";

const seconds = (date: string) => Date.parse(date.replace(/(\.\d{3})\d*/, "$1")) / 1000;

/** The times (seconds since 1970) at which a service's command ended, as logged by again.sh in its container. */
export async function endsOf(compose: Compose, service: string, since: string): Promise<number[]> {
  const words = ["logs", "--no-log-prefix", "--timestamps", "--since", since, service];
  const { stdout } = await compose.ask(words);
  const lines = withoutErase(stdout).matchAll(/^([0-9TZ:.-]+) again\.sh: .* ended with /gm);
  return [...lines].map(([, time = ""]) => Math.floor(seconds(time)));
}

async function logOf(compose: Compose, service: string): Promise<string> {
  const { stdout } = await compose.ask(["logs", "--no-log-prefix", "--tail", "200", service]);
  return lastWords(
    withoutErase(stdout)
      .split("\n")
      .filter((line) => !line.startsWith("again.sh: ")),
  );
}

/** A service's line, and whether it is up. */
export async function statusOf(compose: Compose, service: string): Promise<{ up: boolean; line: string }> {
  const [id] = (await compose.ask(["ps", "--all", "--quiet", service])).stdout.split("\n");
  if (!id) return { up: false, line: `${service}: DOWN, it has no container` };
  const inspected = await ask(["docker", "inspect", "--format", INSPECT, id]);
  const [state, health, started = "", finished = ""] = inspected.stdout.trim().split(" ");
  const failure = lastFailure(await endsOf(compose, service, started));
  const down = async (how: string) => ({
    up: false,
    line: `${service}: ${how}. Its log: ${await logOf(compose, service)}`,
  });
  if (state !== "running") return down(`DOWN (${state}) since ${clock(seconds(finished))}`);
  if (failure && Date.now() / 1000 - failure.last <= RECENT_SECONDS)
    return down(`DOWN since ${clock(failure.first)}, restarted every second`);
  const since = clock(failure ? failure.last : seconds(started));
  if (health === "unhealthy") return down(`does not answer; running since ${since}`);
  return { up: true, line: `${service}: up since ${since}` };
}
