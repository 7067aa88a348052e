// `just register-machine NAME HOST [PORT] [USER] [LABELS]`: registers one machine with the running stack. It prompts for the
// password, or reads the first line of standard input, so that no process list shows it.
import { createInterface } from "node:readline";
import { machineOf } from "./machines/line.ts";
import { registerOne } from "./machines/register.ts";
import { decideMode } from "./mode.ts";
import { asksHelp } from "./script/children.ts";
import { Stop, say, script } from "./script/say.ts";
import { readSettings } from "./script/settings.ts";
import { driverOf } from "./stack/drivers.ts";

const USAGE =
  "usage: just register-machine NAME HOST [PORT] [USER] [LABELS]   (default: port 22, user root; labels: key=value,key)";
const EXAMPLE = "for example: just register-machine rack-7 rack-7.example.org 22 root";

/** The first line of standard input; at a terminal, it isn't shown. (Ctrl-C: Bun restores the terminal.) */
async function readPassword(prompt: string): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  const echo = (word: string) => {
    if (terminal) Bun.spawnSync(["stty", word], { stdin: "inherit" });
  };
  if (terminal) process.stderr.write(prompt);
  echo("-echo");
  try {
    for await (const line of createInterface({ input: process.stdin, terminal: false })) return line;
    return "";
  } finally {
    echo("echo");
    if (terminal) process.stderr.write("\n");
  }
}

await script("register-machine", async () => {
  const words = process.argv.slice(2);
  if (asksHelp(words)) {
    say(USAGE);
    return 0;
  }
  const [name, host, port = "22", user = "root", labels = "", ...more] = words;
  if (!name || !host || more.length > 0) throw new Stop(`${USAGE}\n${EXAMPLE}`, 2);
  // Check everything else before prompting for the password.
  const labelled = labels === "" ? [] : [labels];
  const tried = machineOf([name, host, port, user, "-", ...labelled]);
  if ("problem" in tried) {
    const given = { name, host, port, user, labels }[tried.field];
    throw new Stop(`'${given}': the ${tried.problem}; ${EXAMPLE}`, 2);
  }
  const password = await readPassword(`Password of ${user} on ${host}: `);
  if (!password)
    throw new Stop(
      "no password was given. Type it at the prompt, or pass it on standard input: just register-machine NAME HOST <FILE. For a machine with a key instead: POST /machines",
    );
  const machine = machineOf([name, host, port, user, password, ...labelled]);
  if ("problem" in machine) throw new Stop(`the ${machine.problem}`);
  const settings = readSettings();
  const { mode } = await decideMode(settings);
  return (await registerOne(driverOf(mode, settings).api(), machine)) ? 0 : 1;
});
