import { type Config, config, isLoopback } from "./config.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { type Log, logger } from "./log.ts";
import { accountsOverSsh } from "./pool/accounts/accounts.ts";
import { type AddressRules, blockList } from "./pool/accounts/address.ts";
import { keysOf } from "./pool/secrets/keyring.ts";

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
    // The scheduler, which acts for nobody; a request has its own actor (http/auth/principal.ts).
    actor: { name: "scheduler", address: "", requestId: "" },
    worker: crypto.randomUUID(),
    adminToken: secrets.adminToken,
    keys: keysOf(database.db, secrets.secretKey),
    leaseSeconds: accounts.longestSeconds + LEASE_MARGIN,
    ...pool,
    uids,
    addressRules: rules,
    log,
  };
}

export type Deps = ReturnType<typeof build>;

let current: Deps | undefined;

/** The dependencies of this process, built on first use. @throws ConfigError */
export function deps(): Deps {
  current ??= build(config());
  return current;
}
