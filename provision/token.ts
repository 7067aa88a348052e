// `just token`: makes an admin token: sets ADMIN_TOKEN in .env, unless there is one, and shows it once.
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { decideMode } from "./mode.ts";
import { note, Stop, say, script } from "./script/say.ts";
import { DOT_ENV, needDotEnv, readSettings } from "./script/settings.ts";
import { writeWhole } from "./script/write.ts";
import { addresses } from "./stack/addresses.ts";

await script("token", async () => {
  needDotEnv();
  const settings = readSettings();
  if (settings.secret("ADMIN_TOKEN"))
    throw new Stop(
      "there already is an admin token; to change it, empty ADMIN_TOKEN in .env first. Tokens for people: POST /tokens",
    );
  const line = `ADMIN_TOKEN=${randomBytes(32).toString("hex")}`;
  const text = readFileSync(DOT_ENV, "utf8");
  const place = /^#?ADMIN_TOKEN=.*$/m;
  writeWhole(
    DOT_ENV,
    place.test(text) ? text.replace(place, line) : `${text}${line}\n`,
    statSync(DOT_ENV).mode & 0o700,
  );
  // Only the token on standard output, so that TOKEN=$(just token) works.
  note("The admin token, now in .env and shown this once:");
  say(line.slice("ADMIN_TOKEN=".length));
  note("It takes effect at the next start: just run");
  const { mode } = await decideMode(settings);
  note(`Then: curl -k -H 'Authorization: Bearer TOKEN' ${addresses(settings, mode).publicUrl}/available`);
  return 0;
});
