import type { Db } from "../../db/client.ts";

/** On whose behalf something is done. */
export interface Actor {
  name: string;
  address: string;
  requestId: string;
}

/** What happens by itself; a request has its own actor (http/auth/principal.ts). */
export const SCHEDULER: Actor = { name: "scheduler", address: "", requestId: "" };

export interface AuditDeps {
  db: Db;
  actor: Actor;
  log(level: "debug" | "info" | "warn" | "error", event: string, fields?: Record<string, unknown>): void;
}

/** The same on behalf of somebody else. */
export const actingAs = <D extends AuditDeps>(deps: D, actor: Actor): D => ({ ...deps, actor });
