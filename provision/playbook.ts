// Runs one of the Ansible playbooks here, for one mode, with all of Ansible's own files inside .local.
// usage: bun provision/playbook.ts provision|unprovision   (MACHINE_COUNT=10 machines)
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { composeProject } from "./docker/project.ts";
import { machinePorts } from "./machines/ports.ts";
import { type Mode, printMode } from "./mode.ts";
import { run } from "./script/children.ts";
import { Stop, script } from "./script/say.ts";
import { ROOT, readSettings, type Settings, STATE } from "./script/settings.ts";

export type Playbook = "provision" | "unprovision";

/** @throws Stop if it fails; Ansible has then said why */
export async function runPlaybook(playbook: Playbook, mode: Mode, settings: Settings): Promise<void> {
  const { first, count } = machinePorts(settings);
  if (!Bun.which("ansible-playbook")) throw new Stop("Ansible is missing; install it with: just setup");
  const own = join(STATE, "ansible");
  mkdirSync(own, { recursive: true });
  const env = {
    ...process.env,
    // Ansible refuses to start in a locale that is not UTF-8, as on a bare machine.
    LC_ALL: "C.UTF-8",
    ANSIBLE_CONFIG: join(ROOT, "provision/ansible.cfg"),
    ANSIBLE_HOME: own,
    ANSIBLE_LOCAL_TEMP: join(own, "tmp"),
    ANSIBLE_REMOTE_TEMP: join(own, "tmp"),
  };
  const variables = {
    mode,
    count,
    base_port: first,
    container_prefix: `${composeProject()}-alpine-`,
  };
  const words = Object.entries(variables).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const code = await run(["ansible-playbook", `provision/${playbook}.yml`, ...words], { cwd: ROOT, env });
  if (code !== 0) throw new Stop(`the playbook failed: see above`, code);
}

if (import.meta.main)
  await script("playbook", async () => {
    const [playbook, ...rest] = process.argv.slice(2);
    if ((playbook !== "provision" && playbook !== "unprovision") || rest.length > 0)
      throw new Stop("usage: provision/playbook.ts provision|unprovision", 2);
    const settings = readSettings();
    await runPlaybook(playbook, await printMode(settings), settings);
    return 0;
  });
