// A real nginx with our template, on free ports and in a temporary folder, in front of the test's upstream.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillTemplate } from "../../provision/native/nginx.ts";
import { readSettings } from "../../provision/script/settings.ts";
import { makeCertificate } from "../../provision/stack/certificate.ts";
import { PROXY_SECRET } from "./program.ts";
import { ROOT } from "./run.ts";
import { until } from "./until.ts";

/** A port that is free right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

export interface TlsProxy {
  https: number;
  http: number;
  folder: string;
  /** The certificate for the test's requests to trust. */
  ca: string;
  /** All of nginx's output: access log, error log, standard output and error. */
  log(): string;
  stop(): Promise<void>;
}

const MAIN = `
pid nginx.pid;
error_log stderr info;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  include site.conf;
}
`;

/** Fills in the template as the native stack does. @param values name → text */
export function render(values: Record<string, string>): string {
  return fillTemplate(readFileSync(join(ROOT, "nginx/site.conf.template"), "utf8"), values);
}

/**
 * @param upstream the `server` in nginx's upstream, such as 127.0.0.1:3000
 * @param pair TLS_CERT and TLS_KEY; without them, a pair is made
 */
export async function startProxy(
  upstream: string,
  hsts = "",
  pair = { TLS_CERT: "", TLS_KEY: "" },
): Promise<TlsProxy> {
  const folder = mkdtempSync(join(tmpdir(), "mm-nginx-"));
  const [https, http] = [await freePort(), await freePort()];
  const { hosts } = await makeCertificate(join(folder, "tls"), readSettings(ROOT, pair));
  const site = render({
    API_UPSTREAM: upstream,
    HTTPS_LISTEN: `127.0.0.1:${https}`,
    HTTP_LISTEN: `127.0.0.1:${http}`,
    HTTPS_PORT: String(https),
    CERT: join(folder, "tls/cert.pem"),
    CERT_KEY: join(folder, "tls/key.pem"),
    HSTS: hsts,
    OWN_HOSTS: hosts.trim(),
    PROXY_SECRET,
  });
  writeFileSync(join(folder, "site.conf"), site);
  writeFileSync(join(folder, "nginx.conf"), MAIN);
  const command = ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"];
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const output = join(folder, "log");
  writeFileSync(output, "");
  // One file for both, opened for appending: nginx's access log goes to /dev/stdout.
  const child = Bun.spawn(["bash", "-c", 'exec "$@" >>"$0" 2>&1', output, ...command, "-g", "daemon off;"], {
    env,
    stdin: "ignore",
  });
  const log = () => readFileSync(output, "utf8");
  await until("nginx answers", 10_000, async () => {
    if (child.exitCode !== null) throw new Error(log());
    return fetch(`http://127.0.0.1:${http}/up`, { redirect: "manual" }).then(
      () => true,
      () => false,
    );
  });
  return {
    https,
    http,
    folder,
    ca: readFileSync(join(folder, "tls/cert.pem"), "utf8"),
    log,
    async stop() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
