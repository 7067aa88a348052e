import type { AuditDeps } from "../audit/deps.ts";

export interface IdentityDeps extends AuditDeps {
  /** grants every right; empty: an open API */
  adminToken: string;
}
