import {
  bigint,
  boolean,
  index,
  int,
  json,
  mysqlEnum,
  mysqlTable,
  text,
  uniqueIndex,
  varchar,
} from "drizzle-orm/mysql-core";
import { id, time } from "./columns.ts";

export const MACHINE_STATES = [
  "available",
  "preparing",
  "reserved",
  "cleaning",
  "quarantined",
  "removing",
] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

/** Why a machine is quarantined. */
export const FAULTS = [
  "unreachable",
  "auth",
  "host_key",
  "forbidden_address",
  "duplicate",
  "foreign_account",
  "leftovers",
  "fenced",
  "timeout",
  "unsupported",
  "failed",
] as const;
export type Fault = (typeof FAULTS)[number];

export const machines = mysqlTable(
  "machines",
  {
    id: id("id").primaryKey(),
    name: varchar("name", { length: 64 }).notNull(),
    /** As users type it; `address` is its canonical spelling, so that no machine is offered twice. */
    host: varchar("host", { length: 253 }).notNull(),
    address: varchar("address", { length: 253 }).notNull(),
    port: int("port").notNull(),
    loginUser: varchar("login_user", { length: 32 }).notNull(),
    secretKind: mysqlEnum("secret_kind", ["password", "private_key", "pool_key"]).notNull(),
    /** AES-256-GCM, bound to the machine's id; "" for pool_key: the pool's own key is in the settings */
    secret: text("secret").notNull(),
    labels: json("labels").$type<Record<string, string>>().notNull(),
    /** what it last said that it is: os, arch, cpus, … */
    facts: json("facts").$type<Record<string, string>>().notNull().default({}),
    /** "type base64", as in known_hosts; null until learnt */
    hostKey: text("host_key"),
    /** The machine's own id: a machine under two names would be offered twice. Null until learnt */
    identity: varchar("identity", { length: 32 }),
    state: mysqlEnum("state", MACHINE_STATES).notNull(),
    since: time("since").notNull(),
    drained: boolean("drained").notNull().default(false),
    /** The one holder. It stays until its account has been proved to be gone. */
    reservationId: id("reservation_id"),
    /** Raised by every take-over; the machine itself refuses lower ones. */
    generation: bigint("generation", { mode: "number" }).notNull(),
    leaseWorker: id("lease_worker"),
    leaseUntil: time("lease_until"),
    fault: mysqlEnum("fault", FAULTS),
    lastError: varchar("last_error", { length: 500 }),
    retryAt: time("retry_at"),
    retries: int("retries").notNull().default(0),
    /** The highest uid that it reported when it refused one; 0 again after a sweep */
    uidFloor: int("uid_floor").notNull().default(0),
    /** How long it takes from its holder's end until it is clean: the 95th percentile of its last removals */
    turnaroundMs: int("turnaround_ms").notNull().default(5000),
    /** how often it has not answered in a row while it was held */
    probeFailures: int("probe_failures").notNull().default(0),
    lastUsedAt: time("last_used_at").notNull(),
    probedAt: time("probed_at").notNull(),
    /** The last sweep of the whole disk, and when the next is due */
    sweptAt: time("swept_at").notNull(),
    sweepAt: time("sweep_at").notNull(),
    createdAt: time("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("machines_name").on(t.name),
    uniqueIndex("machines_identity").on(t.identity),
    uniqueIndex("machines_address").on(t.address, t.port),
    // The claim reads this index in order: a sort would lock every row of the pool.
    index("machines_offer").on(t.state, t.drained, t.lastUsedAt, t.id),
    index("machines_retry").on(t.state, t.retryAt),
    index("machines_holder").on(t.reservationId),
  ],
);
