// Writes the settings of the native stack's programs to .local.
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Stop } from "../script/say.ts";
import { isRoot, ROOT, type Settings, STATE } from "../script/settings.ts";
import { writeWhole } from "../script/write.ts";
import { type Addresses, addresses } from "../stack/addresses.ts";
import { hsts, makeCertificate } from "../stack/certificate.ts";
import { databaseUrls, usersSql } from "../stack/database.ts";
import { OF_THE_PROGRAM, settingOf } from "../stack/program.ts";
import { databaseConf } from "./mariadb.ts";
import { fillTemplate, nginxConf } from "./nginx.ts";
import type { Places } from "./places.ts";

export const at = (path: string): string => join(STATE, path);

/** Writes all of them. @param dev with hot reload and indented responses */
export async function writeFiles(settings: Settings, places: Places, dev: boolean): Promise<void> {
  const folders = {
    "run/service": 0o700,
    log: 0o700,
    run: 0o755,
    mysql: 0o755,
    "nginx/tmp": 0o755,
    nginx: 0o755,
  };
  for (const [name, mode] of Object.entries(folders)) {
    mkdirSync(at(name), { recursive: true, mode });
    chmodSync(at(name), mode);
  }
  chmodSync(STATE, 0o755);
  writeWhole(at("mysql/my.cnf"), databaseConf(places), 0o644);
  // MariaDB runs it at each start, so that the password in .env always applies.
  writeWhole(at("mysql/init.sql"), usersSql(settings, "localhost"));
  const proxySecret = keptSecret(settings);
  await writeNginx(settings, places, addresses(settings, "native"), proxySecret);
  writeWhole(at("run/program.env"), programEnv(settings, places, dev, proxySecret));
}

/** The secret by which the API recognises requests from nginx. */
function keptSecret(settings: Settings): string {
  const file = at("run/proxy_secret");
  const set = settings.secret("PROXY_SECRET");
  if (set) writeWhole(file, set);
  else if (!existsSync(file) || statSync(file).size === 0) writeWhole(file, randomBytes(32).toString("hex"));
  return readFileSync(file, "utf8").trim();
}

async function writeNginx(
  settings: Settings,
  places: Places,
  { publish, https, http }: Addresses,
  proxySecret: string,
): Promise<void> {
  const host = publish === "localhost" ? "127.0.0.1" : publish;
  const address = host.includes(":") ? `[${host}]` : host;
  const certificate = await makeCertificate(at("certificate"), settings);
  const values = {
    API_UPSTREAM: apiAddress(settings),
    HTTPS_LISTEN: `${address}:${https}`,
    HTTP_LISTEN: `${address}:${http}`,
    HTTPS_PORT: String(https),
    CERT: join(places.certificates, "cert.pem"),
    CERT_KEY: join(places.certificates, "key.pem"),
    HSTS: hsts(certificate.kind),
    OWN_HOSTS: certificate.hosts.trimEnd(),
    PROXY_SECRET: proxySecret,
  };
  writeWhole(at("nginx/nginx.conf"), nginxConf(isRoot), 0o644);
  const template = readFileSync(join(ROOT, "nginx/site.conf.template"), "utf8");
  writeWhole(at("nginx/site.conf"), fillTemplate(template, values));
}

/** Where the API itself listens. */
export const apiAddress = (settings: Settings): string =>
  `${settings.get("HOST") || "127.0.0.1"}:${settings.get("PORT") || "3000"}`;

/** The settings of the API and the scheduler. They run as an OS user that can't read your files, so NAME_FILE is read here. */
function programEnv(settings: Settings, places: Places, dev: boolean, proxySecret: string): string {
  const ours: Record<string, () => string> = {
    DATABASE_URL: () => ownUrls(settings, join(places.sockets, "db")).program,
    PRETTY_JSON: () => (dev ? "1" : ""),
  };
  const lines = OF_THE_PROGRAM.flatMap((one) => {
    const name = one.env;
    // Which of the two it is, API or scheduler, service.sh says.
    if (name === "SCHEDULER") return [];
    const text = name === "PROXY_SECRET" ? proxySecret : settingOf(settings, one) || (ours[name]?.() ?? "");
    if (text.includes("\n")) throw new Stop(`${name}: must be one line`);
    return text ? [`${name}=${text}\n`] : [];
  });
  return lines.join("");
}

/** The URLs of the database that we start. @param folder where its socket is */
export const ownUrls = (settings: Settings, folder: string) =>
  databaseUrls(settings, { host: "localhost", options: `?socketPath=${folder}/mysql.sock` });
