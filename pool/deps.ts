import type { Accounts, UidRange } from "../accounts/accounts.ts";
import type { AddressRules } from "../accounts/address.ts";
import type { Db } from "../db/client.ts";
import type { Keys } from "../db/keys.ts";
import type { Actor } from "./events.ts";

/** What every verb of the pool works with. */
export interface PoolDeps {
  db: Db;
  /** the same on connections of its own, for what is done while a transaction of `db` is open */
  side: Db;
  accounts: Accounts;
  /** On whose behalf this is done */
  actor: Actor;
  /** Random per process start: names a lease's holder. Host names and pids repeat in containers. */
  owner: string;
  /** who sends it may do everything; empty: an open API */
  adminToken: string;
  /** open the machines' secrets */
  keys: Keys;
  /** How long a lease lasts when it is not renewed; longer than the longest step on a machine. */
  leaseSeconds: number;
  /** Where a machine on `localhost` is reached; empty: localhost */
  machineLocalhost: string;
  maxDurationMinutes: number;
  /** machines that one user may hold at once; 0: no limit */
  maxMachinesPerUser: number;
  historyDays: number;
  /** what the accounts on the machines may have */
  uids: UidRange;
  /** whether a user's accounts must have the user's own name */
  accountNames: "own" | "any";
  /** a machine is registered only with its host key given */
  requireHostKey: boolean;
  /** where a machine may live */
  addressRules: AddressRules;
  log(level: "debug" | "info" | "warn" | "error", event: string, fields?: Record<string, unknown>): void;
}
