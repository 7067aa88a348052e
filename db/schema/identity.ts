import { char, index, int, mysqlEnum, mysqlTable, uniqueIndex, varchar } from "drizzle-orm/mysql-core";
import { id, time } from "./columns.ts";

export const ROLES = ["viewer", "user", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who may use the API. The ADMIN_TOKEN of the settings belongs to no user here. */
export const users = mysqlTable(
  "users",
  {
    id: id("id").primaryKey(),
    name: varchar("name", { length: 64 }).notNull(),
    role: mysqlEnum("role", ROLES).notNull(),
    /** null: the default from the settings */
    maxMachines: int("max_machines"),
    maxDurationMinutes: int("max_duration_minutes"),
    maxRequestsPerMinute: int("max_requests_per_minute"),
    /** argon2id, in the PHC format; null: they use tokens only */
    passwordHash: varchar("password_hash", { length: 255 }),
    createdAt: time("created_at").notNull(),
  },
  (t) => [uniqueIndex("users_name").on(t.name)],
);

/** A token is 256 random bits: its SHA-256 is as hard to reverse as to guess, so it needs no salt and no slow hash. */
export const tokens = mysqlTable(
  "tokens",
  {
    id: id("id").primaryKey(),
    userId: id("user_id").notNull(),
    name: varchar("name", { length: 64 }).notNull(),
    role: mysqlEnum("role", ROLES).notNull(),
    /** its first characters, for recognition */
    prefix: varchar("prefix", { length: 16 }).notNull(),
    hash: char("hash", { length: 64 }).notNull(),
    createdAt: time("created_at").notNull(),
    expiresAt: time("expires_at"),
  },
  (t) => [uniqueIndex("tokens_hash").on(t.hash), index("tokens_user").on(t.userId)],
);

/** A browser's session: it stands for a user who logged in with a password, or for a token. */
export const sessions = mysqlTable(
  "sessions",
  {
    /** SHA-256 of what the cookie holds */
    id: char("id", { length: 64 }).primaryKey(),
    /** null: the session of an ADMIN_TOKEN */
    userId: id("user_id"),
    /** SHA-256 of the token that it stands for, and ends with; null: it began with a password */
    tokenHash: char("token_hash", { length: 64 }),
    createdAt: time("created_at").notNull(),
    /** the last request, to the minute: idle sessions end */
    seenAt: time("seen_at").notNull(),
  },
  (t) => [index("sessions_user").on(t.userId), index("sessions_seen").on(t.seenAt)],
);

/** Recent login attempts by name and by address; shared by all API processes. */
export const loginTries = mysqlTable(
  "login_tries",
  {
    /** account:NAME, address:IP (or an IPv6 /64) or logins:NAME */
    who: varchar("who", { length: 140 }).primaryKey(),
    tries: int("tries").notNull(),
    /** when the count starts over */
    until: time("until").notNull(),
  },
  (t) => [index("login_tries_until").on(t.until)],
);
