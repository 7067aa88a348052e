// Registers the machines of provision/machines.txt through the API: one `name host port user password [labels]` per line.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isLoopback } from "../config.ts";
import { registerLines, WAIT_SECONDS } from "./machines/register.ts";
import { Stop, say, script } from "./script/say.ts";
import type { Api } from "./stack/api.ts";

const USAGE = `usage: bun provision/register.ts [--url URL] [--file FILE] [--ca FILE] [--wait SECONDS]

  --url URL       the API (default: https://localhost, with HTTPS_PORT from the environment or .env)
  --file FILE     the machines, one "name host port user password [key=value,key]" per line; # starts a comment line
                  (default: provision/machines.txt)
  --ca FILE       PEM certificates to trust; without it, any certificate is accepted, but only from a loopback address
  --wait SECONDS  how long to repeat a request while the answer is "not just now" (default: 20)

ADMIN_TOKEN (or ADMIN_TOKEN_FILE) from the environment is sent if set. A machine that already exists is left alone.
Exit code: 0 all lines are registered, 1 some are not, 2 it could not continue (and says why).`;

/** @throws Stop for a URL to which no password may be sent */
function connection(urlText: string, ca: string | undefined, token: string): Api {
  const url = URL.parse(urlText);
  if (!url || !["http:", "https:"].includes(url.protocol))
    throw new Stop(`--url ${urlText} is not an http(s) URL`, 2);
  const local = isLoopback(url.hostname.replace(/^\[|\]$/g, ""));
  if (url.protocol === "http:" && !local)
    throw new Stop(`${url.origin}: passwords are only sent there over https`, 2);
  const tls = ca ? { ca } : { rejectUnauthorized: !local };
  return { origin: url.origin, tls, headers: token ? { authorization: `Bearer ${token}` } : {} };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Stop(`can't read ${path} (${(error as NodeJS.ErrnoException).code})`, 2);
  }
}

function options() {
  try {
    return parseArgs({
      options: {
        url: { type: "string" },
        file: { type: "string", default: join(import.meta.dir, "machines.txt") },
        ca: { type: "string" },
        wait: { type: "string", default: String(WAIT_SECONDS) },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new Stop(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

await script("register", async () => {
  const values = options();
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const { HTTPS_PORT, ADMIN_TOKEN, ADMIN_TOKEN_FILE } = process.env;
  const port = HTTPS_PORT || (process.getuid?.() === 0 ? "443" : "8443");
  const token = ADMIN_TOKEN || (ADMIN_TOKEN_FILE ? read(ADMIN_TOKEN_FILE).trim() : "");
  const ca = values.ca === undefined ? undefined : read(values.ca);
  const to = connection(values.url ?? `https://localhost:${port}`, ca, token);
  const wait = Number(values.wait);
  if (!(wait >= 0)) throw new Stop(`--wait ${values.wait} is not a number of seconds`, 2);
  const { failed } = await registerLines(to, read(values.file), values.file, wait);
  return failed === 0 ? 0 : 1;
});
