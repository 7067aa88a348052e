import { accountsOverSsh } from "./accounts/accounts.ts";
import { type Config, config } from "./config.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { type Log, logger } from "./log.ts";

/** Between the longest step and the end of its lease, in seconds. */
const LEASE_MARGIN = 10;

/** Builds what the program works with. Connects to nothing yet. */
export function build(settings: Config, database: Database = openDatabase(settings.databaseUrl)) {
  const accounts = accountsOverSsh(settings.sshConcurrency, settings.sshTimeoutSeconds);
  const log: Log = logger(settings.logLevel);
  return {
    database,
    db: database.db,
    accounts,
    owner: crypto.randomUUID(),
    secretKey: settings.secretKey,
    leaseSeconds: accounts.longestSeconds + LEASE_MARGIN,
    machineLocalhost: settings.machineLocalhost,
    maxDurationMinutes: settings.maxDurationMinutes,
    historyDays: settings.historyDays,
    log,
  };
}

export type Deps = ReturnType<typeof build>;

let current: Deps | undefined;

/** The parts of this process, built on first use. @throws ConfigError */
export function deps(): Deps {
  current ??= build(config());
  return current;
}
