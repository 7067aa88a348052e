// Where the stack listens, and how to reach it.
import { isLoopback } from "../../config.ts";
import type { Mode } from "../mode.ts";
import { Stop } from "../script/say.ts";
import { isRoot, type Settings } from "../script/settings.ts";

export interface Addresses {
  /** the ports of the proxy, and of its redirect from plain HTTP (native) */
  https: number;
  http: number;
  /** where the proxy listens, as set */
  publish: string;
  /** the same, as we reach it */
  near: string;
  /** the proxy's URL, as a person types it */
  publicUrl: string;
}

/** Reads a setting that is a port. @throws Stop */
export function portSetting(settings: Settings, name: string, fallback: number): number {
  const text = settings.get(name) || String(fallback);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Stop(`${name}=${text}: must be a port, 1 to 65535`);
  return port;
}

/** @throws Stop for a setting that is not a port */
export function addresses(settings: Settings, mode: Mode): Addresses {
  // Ports below 1024 need root, or the Docker engine.
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

/** Publishing beyond this machine requires a token. @throws Stop */
export function checkPublished(settings: Settings, publish: string): void {
  if (isLoopback(publish) || settings.secret("ADMIN_TOKEN")) return;
  throw new Stop(
    `PUBLISH_ADDRESS=${publish} publishes the API beyond this machine: set ADMIN_TOKEN in .env, or PUBLISH_ADDRESS=127.0.0.1`,
  );
}
