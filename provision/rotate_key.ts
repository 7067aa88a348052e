// `just rotate-key`: a new SECRET_KEY. Everything is re-encrypted with it while the service runs; then API and scheduler are
// restarted with it, and the old key no longer opens anything. If it is interrupted, run it again.
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Driver } from "./driver.ts";
import { decideMode } from "./mode.ts";
import { Stop, say, script } from "./script/say.ts";
import { DOT_ENV, needDotEnv, readSettings, type Settings, STATE } from "./script/settings.ts";
import { writeDurably } from "./script/write.ts";
import { driverOf } from "./stack/drivers.ts";

const KEY_BYTES = 32;
/** Kept until the end, so that an interrupted run can be continued, and no key is lost in between. */
const NEXT = join(STATE, "next_secret_key");

function nextKey(): string {
  if (!existsSync(NEXT) || statSync(NEXT).size === 0)
    writeDurably(NEXT, `${randomBytes(KEY_BYTES).toString("base64")}\n`);
  const key = readFileSync(NEXT, "utf8").trim();
  if (Buffer.from(key, "base64").length !== KEY_BYTES)
    throw new Stop(`${NEXT} does not contain a key; remove it, then run the same command again`);
  return key;
}

/** Writes the key where the old one was. @returns where that is */
function keepKey(settings: Settings, key: string): string {
  const file = settings.get("SECRET_KEY_FILE") || DOT_ENV;
  const { mode, uid, gid } = statSync(file);
  const text = settings.get("SECRET_KEY_FILE")
    ? `${key}\n`
    : readFileSync(file, "utf8").replace(/^(export )?SECRET_KEY=.*$/gm, () => `SECRET_KEY=${key}`);
  // With the same mode as before.
  writeDurably(file, text, mode & 0o777);
  chownSync(file, uid, gid);
  return settings.get("SECRET_KEY_FILE") || ".env";
}

/** Runs a command of the program. @throws Stop if it fails; it has then said why */
async function program(driver: Driver, words: string[], input: string): Promise<void> {
  const code = await driver.program(words, input);
  if (code !== 0)
    throw new Stop(
      `${words.join(" ")} failed: see above. Once it is fixed, run the same command again`,
      code,
    );
}

await script("rotate-key", async () => {
  needDotEnv();
  if (process.env.SECRET_KEY || process.env.SECRET_KEY_FILE)
    throw new Stop(
      "SECRET_KEY comes from the shell, where it can't be changed permanently; unset it there, and put it in .env",
    );
  const settings = readSettings();
  const { mode } = await decideMode(settings);
  const driver = driverOf(mode, settings);
  if (!(await driver.status(() => {}))) throw new Stop("the stack is not running; start it with: just run");
  const key = nextKey();
  if (settings.secret("SECRET_KEY") !== key) {
    await program(driver, ["rotate-key"], `${key}\n`);
    say(
      `rotate-key: the new key is in ${keepKey(settings, key)}; API and scheduler are being restarted with it`,
    );
  }
  const after = driverOf(mode, readSettings());
  await after.up(false);
  await program(after, ["rotate-key", "--finish"], "");
  rmSync(NEXT);
  say("rotate-key: done. Keep a copy of the new key; the old one no longer opens anything but old backups");
  return 0;
});
