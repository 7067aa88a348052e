import { type Config, config, isLoopback } from "./config.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { type Log, logger } from "./log.ts";
import { accountsOverSsh } from "./pool/accounts/accounts.ts";
import { type AddressRules, blockList } from "./pool/accounts/address.ts";
import { SCHEDULER } from "./pool/audit/deps.ts";
import { newFollowing } from "./pool/audit/follow.ts";
import type { Watchers } from "./pool/reservations/deps.ts";
import { planOnChange } from "./pool/reservations/schedule/planner.ts";
import type { World } from "./pool/reservations/schedule/world.ts";
import { keysOf } from "./pool/secrets/keyring.ts";
import { coalesce, turns } from "./pool/turns.ts";

/** How much longer than the longest step a lease lasts, in seconds. */
const LEASE_MARGIN = 10;

/** Where machines may live: not on our own ports and hosts. */
function addressRules({ database, server, ssh }: Config): AddressRules {
  const { hostname, port: databasePort } = new URL(database.url);
  const here = isLoopback(hostname);
  blockList(ssh.networks); // reports mistakes at the start
  return {
    networks: ssh.networks,
    ownPorts: [server.port, ...(here ? [Number(databasePort || 3306)] : [])],
    ownHosts: here ? [] : [hostname.toLowerCase()],
  };
}

/** Builds the program's dependencies. Doesn't connect to anything yet. */
export function build(settings: Config, database: Database = openDatabase(settings.database.url)) {
  const rules = addressRules(settings);
  const { pool, secrets, ssh, uids } = settings;
  const accounts = accountsOverSsh(ssh.concurrency, ssh.timeoutSeconds, rules, undefined, uids);
  const log: Log = logger(settings.server.logLevel);
  return {
    config: settings,
    database,
    db: database.db,
    side: database.side,
    accounts,
    actor: SCHEDULER,
    worker: crypto.randomUUID(),
    adminToken: secrets.adminToken,
    keys: keysOf(database.db, secrets.secretKey),
    leaseSeconds: accounts.longestSeconds + LEASE_MARGIN,
    ...pool,
    uids,
    addressRules: rules,
    log,
    changes: new EventTarget(),
    planning: coalesce<void>(),
    looking: coalesce<World>(),
    planTurns: turns(),
    /** aborted when the process is asked to stop: what would go on for as long as a client likes ends */
    stopping: new AbortController(),
    following: newFollowing(),
    watchers: { watching: new Set() } as Watchers,
  };
}

export type Deps = ReturnType<typeof build>;

let current: Deps | undefined;

/** The dependencies of this process, built on first use. @throws ConfigError */
export function deps(): Deps {
  if (!current) {
    current = build(config());
    planOnChange(current);
  }
  return current;
}
