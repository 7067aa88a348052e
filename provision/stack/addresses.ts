// Where the stack listens, and where it is reached.
import { isLoopback } from "../../config.ts";
import type { Mode } from "../mode.ts";
import { Stop } from "../script/say.ts";
import { isRoot, type Settings } from "../script/settings.ts";

export interface Addresses {
  /** of the proxy, and of its redirect from plain HTTP (native) */
  https: number;
  http: number;
  /** where the proxy listens, as it is set */
  publish: string;
  /** the same, as we reach it */
  near: string;
  /** the proxy, as a person types it */
  publicUrl: string;
}

/** A setting that is a port. @throws Stop */
export function portSetting(settings: Settings, name: string, fallback: number): number {
  const text = settings.get(name) || String(fallback);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Stop(`${name}=${text}: must be a port, 1 to 65535`);
  return port;
}

/** @throws Stop for a setting that is no port */
export function addresses(settings: Settings, mode: Mode): Addresses {
  // Ports below 1024 are root's, or the Docker engine's.
  const low = isRoot || mode === "docker";
  const https = portSetting(settings, "HTTPS_PORT", low ? 443 : 8443);
  const publish = settings.get("PUBLISH_ADDRESS") || "127.0.0.1";
  const host = isLoopback(publish) || publish === "0.0.0.0" ? "localhost" : publish;
  return {
    https,
    http: portSetting(settings, "HTTP_PORT", low ? 80 : 8080),
    publish,
    near: ["0.0.0.0", "localhost"].includes(publish) ? "127.0.0.1" : publish,
    publicUrl: `https://${host}${https === 443 ? "" : `:${https}`}`,
  };
}

/** Beyond this machine only with a token. @throws Stop */
export function checkPublished(settings: Settings, publish: string): void {
  if (isLoopback(publish) || settings.secret("ADMIN_TOKEN")) return;
  throw new Stop(
    `PUBLISH_ADDRESS=${publish} publishes the API beyond this machine: set ADMIN_TOKEN in .env, or PUBLISH_ADDRESS=127.0.0.1`,
  );
}
