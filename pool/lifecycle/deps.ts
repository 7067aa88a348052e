import type { Accounts, UidRange } from "../accounts/accounts.ts";
import type { SecretsDeps } from "../secrets/deps.ts";

export interface LifecycleDeps extends SecretsDeps {
  accounts: Accounts;
  /** Random per process start: names who holds a lease. Host names and pids repeat in containers. */
  worker: string;
  /** How long a lease lasts when it is not renewed; longer than the longest step on a machine. */
  leaseSeconds: number;
  /** Where a machine on `localhost` is reached; empty: localhost */
  machineLocalhost: string;
  /** what the accounts on the machines may have */
  uids: UidRange;
}
