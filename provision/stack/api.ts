// How the scripts here call the API: over plain HTTP, bypassing nginx (native), or through nginx, whose certificate they trust.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Mode } from "../mode.ts";
import { type Settings, STATE } from "../script/settings.ts";
import { addresses } from "./addresses.ts";

const ASK_MS = 5000;

const FOLDERS: Record<Mode, string> = { native: "certificate", docker: "docker/tls" };

export type Tls = NonNullable<BunFetchRequestInit["tls"]>;

/** Trusts what our nginx serves. Before there is a certificate, nothing can be reached. */
export function proxyTls(mode: Mode): Tls {
  const file = join(STATE, FOLDERS[mode], "cert.pem");
  return existsSync(file) ? trustOnly(readFileSync(file, "utf8")) : {};
}

/** Trusts only this certificate, at any address: that need not be among its names. */
export function trustOnly(pem: string): Tls {
  // (Missing in Bun's types, but it works: the certificate alone is enough, without its authority's.)
  const partial = { allowPartialTrustChain: true };
  return { ca: pem, checkServerIdentity: () => undefined, ...partial };
}

/** Whether something answers with success or a redirect; `anyStatus`: with anything. */
export async function answers(
  url: string,
  { tls = {}, anyStatus = false }: { tls?: Tls; anyStatus?: boolean } = {},
) {
  const init = { redirect: "manual", signal: AbortSignal.timeout(ASK_MS), tls } as const;
  return fetch(url, init).then(
    ({ status }) => anyStatus || status < 400,
    () => false,
  );
}

/** How to send a request to the API from here. */
export interface Api {
  origin: string;
  headers: Record<string, string>;
  tls: Tls;
}

/** Whether the API answers through nginx. */
export function proxyReady(settings: Settings, mode: Mode): Promise<boolean> {
  const { near, https } = addresses(settings, mode);
  return answers(`https://${near}:${https}/readyz`, { tls: proxyTls(mode) });
}

/** The API with the admin token, if there is one. */
export function apiAt(
  origin: string,
  settings: Settings,
  tls: Tls = {},
  headers: Record<string, string> = {},
): Api {
  const token = settings.secret("ADMIN_TOKEN");
  return { origin, tls, headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) } };
}

/** The parsed response to a GET; undefined if there is none, or if it is not a success. */
export async function get(api: Api, path: string): Promise<unknown> {
  const init = { ...api, redirect: "manual", signal: AbortSignal.timeout(ASK_MS) } as const;
  const answer = await fetch(api.origin + path, init).catch(() => undefined);
  return answer?.ok ? answer.json() : undefined;
}
