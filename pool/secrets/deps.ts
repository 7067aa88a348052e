import type { AuditDeps } from "../audit/deps.ts";
import type { Keys } from "./keyring.ts";

export interface SecretsDeps extends AuditDeps {
  /** open the machines' secrets */
  keys: Keys;
}
