import type { Accounts, UidRange } from "../accounts/accounts.ts";
import type { SecretsDeps } from "../secrets/deps.ts";

export interface LifecycleDeps extends SecretsDeps {
  accounts: Accounts;
  /** Random per process start: identifies the holder of a lease. Host names and pids repeat in containers. */
  worker: string;
  /** How long a lease lasts unless renewed; longer than the longest step on a machine. */
  leaseSeconds: number;
  /** The address to use for machines on `localhost`; empty: localhost */
  machineLocalhost: string;
  /** gets a "change" event in the process in which a machine became free, or may be planned otherwise */
  changes: EventTarget;
  /** the range for accounts on the machines */
  uids: UidRange;
}
