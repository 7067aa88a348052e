// The files that containers read: secrets and the TLS pair, in .local/docker.
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Stop } from "../script/say.ts";
import { needDotEnv, type Settings, STATE } from "../script/settings.ts";
import { writeWhole } from "../script/write.ts";
import { addresses, checkPublished } from "../stack/addresses.ts";
import { hsts, makeCertificate } from "../stack/certificate.ts";
import { databaseUrls } from "../stack/database.ts";

const at = (path: string) => join(STATE, "docker", path);

/** @throws Stop for a setting that the stack can't start with */
export function checkSecrets(settings: Settings): void {
  needDotEnv();
  if (!settings.secret("SECRET_KEY")) throw new Stop(".env lacks SECRET_KEY; add it with: just setup");
  databaseUrls(settings, { host: "db:3306" });
  checkPublished(settings, addresses(settings, "docker").publish);
}

/**
 * The containers' OS users (1000, 999, 101) read these files, so they are readable by all, in a folder that only its owner
 * may enter: Docker can still mount them from there. It needs no chown, so it works without root too.
 */
export function makeSecrets(settings: Settings): void {
  checkSecrets(settings);
  process.umask(0o022);
  mkdirSync(STATE, { recursive: true });
  for (const [name, mode] of [
    ["", 0o700],
    ["secrets", 0o755],
    ["tls", 0o755],
  ] as const) {
    mkdirSync(at(name), { recursive: true });
    chmodSync(at(name), mode);
  }
  rmSync(at("secrets/database_password"), { force: true }); // from an earlier version
  const urls = databaseUrls(settings, { host: "db:3306" });
  const given = settings.secret("PROXY_SECRET");
  put("secret_key", settings.secret("SECRET_KEY"));
  put("admin_token", settings.secret("ADMIN_TOKEN"));
  put("database_url", urls.program);
  put("database_owner_url", urls.owner);
  if (given) put("proxy_secret", given);
  for (const name of ["database_root_password", "proxy_secret"])
    if (!existsSync(at(`secrets/${name}`)) || statSync(at(`secrets/${name}`)).size === 0)
      put(name, randomBytes(32).toString("hex"));
}

/** Writes in place: a file that a container has mounted must stay the same file. */
function put(name: string, text: string): void {
  const file = at(`secrets/${name}`);
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text, { mode: 0o644 });
}

/** The pair that nginx serves, and what goes with it. */
export async function makeTls(settings: Settings): Promise<void> {
  const folder = at("certificate");
  const { kind } = await makeCertificate(folder, settings);
  writeFileSync(at("tls/hsts"), hsts(kind));
  for (const name of ["cert.pem", "key.pem", "hosts"])
    writeWhole(at(`tls/${name}`), readFileSync(join(folder, name)), 0o444);
}

/** The first name of the certificate that nginx serves: it redirects requests for other names there. */
export function servedName(): string | undefined {
  const file = at("tls/hosts");
  return existsSync(file) ? /^default (\S+);$/m.exec(readFileSync(file, "utf8"))?.[1] : undefined;
}
