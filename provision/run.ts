// `just run`: from a bare machine to a pool in use. When run again, it starts what is missing and leaves the rest alone.
import { existsSync, readFileSync } from "node:fs";
import { printMode } from "./mode.ts";
import { Stop, say, script } from "./script/say.ts";
import { isRoot, MACHINES_FILE, ROOT, readSettings, type Settings } from "./script/settings.ts";
import { setup } from "./setup.ts";

await script("run", async () => {
  const [how, ...rest] = process.argv.slice(2);
  if ((how !== "up" && how !== "up-dev") || rest.length > 0)
    throw new Stop("usage: provision/run.ts up|up-dev", 2);
  // (Unknown names in .env are reported below, once.)
  const mode = await printMode(readSettings(ROOT, process.env, () => {}));
  await setup({ mode });

  // These need the packages that setup has just installed.
  const { driverOf } = await import("./stack/drivers.ts");
  const { checkMachinePorts } = await import("./machines/ports.ts");
  const { registerLines } = await import("./machines/register.ts");
  const { runPlaybook } = await import("./playbook.ts");
  const { checkProgram } = await import("./stack/program.ts");
  const { whatToTry } = await import("./stack/what_to_try.ts");

  const settings = readSettings();
  const driver = driverOf(mode, settings);
  const makes = whyNoMachines(mode === "native", settings);
  // Settings that the program would refuse, and a port that another program has, are reported before anything is made.
  checkProgram(settings);
  await driver.check();
  if (makes === undefined) {
    await checkMachinePorts(mode, settings);
    say("machines: making demo machines");
    await runPlaybook("provision", mode, settings);
  } else say(`machines: ${makes}`);
  await driver.up(how === "up-dev");
  const text = existsSync(MACHINES_FILE) ? readFileSync(MACHINES_FILE, "utf8") : "";
  const failed = text ? (await registerLines(driver.api(), text, "provision/machines.txt")).failed : 0;
  if (failed > 0) throw new Stop("not all machines are registered: see above");
  say(await whatToTry(driver));
  return 0;
});

/** Why no demo machines are made; undefined if they are. */
function whyNoMachines(native: boolean, settings: Settings): string | undefined {
  if (settings.get("MACHINE_COUNT") === "0") return "none made, as MACHINE_COUNT=0 says";
  if (native && !isRoot)
    return "demo machines without Docker need root, so none were made; register your own with: just register-machine";
  return undefined;
}
