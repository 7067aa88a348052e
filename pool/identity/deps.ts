import type { AuditDeps } from "../audit/deps.ts";

export interface IdentityDeps extends AuditDeps {
  /** who sends it may do everything; empty: an open API */
  adminToken: string;
}
