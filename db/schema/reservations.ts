import { sql } from "drizzle-orm";
import {
  boolean,
  char,
  index,
  int,
  json,
  mediumtext,
  mysqlEnum,
  mysqlTable,
  uniqueIndex,
  varchar,
} from "drizzle-orm/mysql-core";
import { id, type Proof, time } from "./columns.ts";

export const RESERVATION_STATES = [
  "queued",
  "booked",
  "preparing",
  "active",
  "ending",
  "ended",
  "failed",
] as const;
export type ReservationState = (typeof RESERVATION_STATES)[number];

export const RESERVATION_KINDS = ["direct", "queue", "booking"] as const;
export const RESERVATION_KIND = { direct: "direct", queue: "queue", booking: "booking" } as const;

export const reservations = mysqlTable(
  "reservations",
  {
    id: id("id").primaryKey(),
    /** the API user who made it; null: an admin without a user, or an open API */
    userId: id("user_id"),
    username: varchar("username", { length: 32 }).notNull(),
    /** null: it has never had a machine */
    uid: int("uid"),
    state: mysqlEnum("state", RESERVATION_STATES).notNull(),
    /** direct: at once; queue: as soon as there are machines; booking: at a time that was chosen */
    kind: mysqlEnum("kind", RESERVATION_KINDS).notNull().default("direct"),
    /** why it failed: our words, or a machine's, which are for admins; then `fault` has the kind, for everybody else */
    reason: varchar("reason", { length: 500 }),
    fault: varchar("fault", { length: 20 }),
    count: int("count").notNull(),
    /** with how many a booking starts if there are no more; null: with all or not at all */
    minCount: int("min_count"),
    durationMinutes: int("duration_minutes").notNull(),
    /** which machines it may have: a label expression, names, and names that it may not have; null: any */
    whereLabels: varchar("where_labels", { length: 1000 }),
    onlyMachines: json("only_machines").$type<string[]>(),
    exceptMachines: json("except_machines").$type<string[]>(),
    priority: int("priority").notNull().default(0),
    /** until when it may wait in the queue */
    waitUntil: time("wait_until"),
    /** a machine that breaks while it is held is replaced by another */
    replace: boolean("replace_broken").notNull().default(false),
    /** since when somebody waits for its machines */
    wantedAt: time("wanted_at"),
    /** it isn't started before then: its last preparation failed */
    notBefore: time("not_before"),
    /** the start counts on a machine that is quarantined */
    uncertain: boolean("uncertain").notNull().default(false),
    /** why its start moved later than it was told */
    delay: varchar("delay", { length: 500 }),
    /** false: who asked for it has yet to be told that it has started; and its password, if that was made */
    startTold: boolean("start_told").notNull().default(true),
    passwordMade: boolean("password_made").notNull().default(false),
    /** null again when the reservation failed, so that the client may try again */
    idempotencyKey: varchar("idempotency_key", { length: 128 }),
    requestHash: char("request_hash", { length: 64 }),
    /** the SECRET_KEY with which its hash and its made password are computed; null: made before keys had ids */
    keyId: varchar("key_id", { length: 16 }),
    /** the accounts' password or keys, sealed with SECRET_KEY and bound to the id; null once the accounts exist */
    credential: mediumtext("credential"),
    createdAt: time("created_at").notNull(),
    /** when its accounts were ready; before that, when they are planned to be; null: no machine can be planned for it */
    startsAt: time("starts_at"),
    endsAt: time("ends_at").notNull(),
    endedAt: time("ended_at"),
    /** the end that it is being given on its machines, and until when a worker is at that */
    extendTo: time("extend_to"),
    extendLease: time("extend_lease"),
    extensions: int("extensions").notNull().default(0),
    /** the series that it is an occurrence of, and its start by the series' rule */
    seriesId: id("series_id"),
    occurrenceAt: time("occurrence_at"),
    /** Two reservations that are not over never share a uid. */
    liveUid: int("live_uid").generatedAlwaysAs(sql`(if(ended_at is null, uid, null))`, { mode: "stored" }),
  },
  (t) => [
    uniqueIndex("reservations_idempotency").on(t.idempotencyKey),
    uniqueIndex("reservations_live_uid").on(t.liveUid),
    // No occurrence is booked twice.
    uniqueIndex("reservations_occurrence").on(t.seriesId, t.occurrenceAt),
    index("reservations_expire").on(t.state, t.endsAt),
    index("reservations_start").on(t.state, t.startsAt),
    // Both include the end: which uids are held back can be read from the index alone.
    index("reservations_uid").on(t.uid, t.endedAt),
    index("reservations_user").on(t.userId, t.endedAt),
    // What is read of the history, and deleted from it.
    index("reservations_ended").on(t.endedAt, t.createdAt),
    // The history, page by page, the newest first.
    index("reservations_created").on(t.createdAt, t.id),
  ],
);

/** The record of who held which machine when; a second live row for a machine can't be written. */
export const holds = mysqlTable(
  "holds",
  {
    id: id("id").primaryKey(),
    reservationId: id("reservation_id").notNull(),
    machineId: id("machine_id").notNull(),
    machineName: varchar("machine_name", { length: 64 }).notNull(),
    /** 1 to `count`: its place in the reservation, which stays when another machine takes it over. 0: it has none yet */
    slot: int("slot").notNull().default(0),
    claimedAt: time("claimed_at").notNull(),
    confirmedAt: time("confirmed_at"),
    /** its machine broke, or its account isn't there yet: another machine takes its slot */
    lacking: boolean("lacking").notNull().default(false),
    /** when its removal began */
    endingAt: time("ending_at"),
    releasedAt: time("released_at"),
    /** its removal went through a quarantine: how long that lasted says nothing about the next removal */
    quarantined: boolean("quarantined").notNull().default(false),
    proof: json("proof").$type<Proof>(),
    liveMachine: id("live_machine").generatedAlwaysAs(sql`(if(released_at is null, machine_id, null))`, {
      mode: "stored",
    }),
  },
  (t) => [
    uniqueIndex("holds_one_live").on(t.liveMachine),
    index("holds_reservation").on(t.reservationId),
    index("holds_machine").on(t.machineId, t.claimedAt),
  ],
);
