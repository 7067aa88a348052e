// `just clean`: ends all reservations and removes both stacks of this checkout, demo machines, .local, .env and the built
// dashboard. No process, mount, file or account of this checkout is left; packages stay.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { decideMode, type Mode } from "./mode.ts";
import { runPlaybook } from "./playbook.ts";
import { script } from "./script/say.ts";
import { ROOT, readSettings, type Settings, STATE } from "./script/settings.ts";
import { driverOf } from "./stack/drivers.ts";
import { releaseAll } from "./stack/release_all.ts";

async function clean(mode: Mode, settings: Settings): Promise<void> {
  const driver = driverOf(mode, settings);
  await releaseAll(driver);
  await driver.down(false);
  if (Bun.which("ansible-playbook")) await runPlaybook("unprovision", mode, settings);
  await driver.remove();
}

await script("clean", async () => {
  const settings = readSettings();
  // Decided before the native stack is gone, since it depends on whether that is up.
  const { mode } = await decideMode(settings);
  const there = (name: string) => existsSync(join(STATE, name));
  if (mode === "native" || there("run") || there("machines")) await clean("native", settings);
  if (mode === "docker" || there("docker")) await clean("docker", settings);
  rmSync(join(ROOT, "web/dist"), { recursive: true, force: true });
  return 0;
});
