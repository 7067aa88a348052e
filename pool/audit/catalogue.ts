// Every kind of event. Dashboards, webhooks and metrics read these: a new kind is added here first, and existing ones
// keep their fields. These are named as in the API (max_machines), whose GET /events returns them as they are.
import type { Role } from "../../db/schema/identity.ts";
import type { FaultKind } from "../accounts/faults.ts";

type Nothing = Record<string, never>;

/** null: the default from the settings; undefined: as before */
interface UserLimits {
  max_machines: number | null | undefined;
  max_duration_minutes: number | null | undefined;
  max_requests_per_minute: number | null | undefined;
}

/** What was left on a machine when it was last in the pool. */
interface Dirty {
  machine: string;
  removed_at: string;
  username: string | null;
  reason: string;
}

/** What each kind of event says besides its object; never a secret. */
export interface Details {
  "reservation.claimed": { username: string; machines: string[] };
  "reservation.queued": { username: string; count: number; minutes: number };
  "reservation.planned": { starts_at: string; machines: string[] };
  "reservation.delayed": { told: string; starts_at: string | null; reason: string };
  "reservation.short": { count: number; reason: string };
  "reservation.machine_lost": { machine: string; slot: string; fault: FaultKind };
  "reservation.replaced": { machine: string; slot: string };
  "reservation.wanted": { from: string };
  "reservation.booked": {
    username: string;
    count: number;
    minutes: number;
    starts_at: string;
    series?: string;
  };
  "reservation.requeued": { reason: string };
  "reservation.swapped": { machine: string; fault: FaultKind; by: string | undefined };
  "reservation.confirmed": { machines: number; minutes: number };
  "reservation.extended": { from: string; to: string };
  "reservation.reduced": { machines: string[]; left: number };
  "reservation.ended": { reason?: string };
  "reservation.failed": { reason: string; fault: FaultKind | null };
  "reservation.recovered": { machine: string };
  "reservations.pruned": { count: number; days: number };
  "series.created": { username: string; rrule: string; starts_at: string; time_zone: string; booked: number };
  "series.conflict": { starts_at: string; local_time: string; reason: string; nearest: string[] };
  "series.ended": { from: string; released: number; reason?: string };
  "machine.registered": { host: string; port: number; user: string; removed_dirty: Dirty | null };
  "machine.host_key_learnt": { fingerprint: string };
  "machine.changed": {
    drained: boolean | undefined;
    labels: Record<string, string> | undefined;
    host_key: string | undefined;
  };
  "machine.cleaned": { reservation: string | null };
  "machine.quarantined": { fault: FaultKind; reason: string };
  "machine.removing": { forced: boolean; reservation: string | null };
  "machine.removed": { forced?: boolean; clean?: boolean };
  "user.created": UserLimits & { role: Role; password: boolean };
  "user.changed": UserLimits & { role?: Role; password?: "removed" | "changed" };
  "user.deleted": Nothing;
  "token.created": { user: string; name: string; role: Role; days: number | undefined };
  "token.deleted": { user: string | null; name: string };
  "session.created": { by: "password" | "token" };
  "session.ended": { by: "logout" | "a new login" | "newer ones"; count?: number };
  "login.failed": Nothing;
  "login.limited": { by: "account" | "address" | "logins"; tries: number; seconds: number };
  "pool_key.created": { fingerprint: string };
  "key.rotation_started": Nothing;
  "key.rotated": { secrets: number };
  "key.rotation_finished": Nothing;
  "events.pruned": { count: number; days: number; before: string };
  "request.refused": { status: number; code: string };
  "requests.unrecorded": {
    count: number;
    addresses: { address: string; count: number }[];
    other_addresses?: number;
    of_others?: number;
  };
}

export type Action = keyof Details;

/** What has happened: one of the kinds, discriminated by `action`. */
export type PoolEvent = {
  [A in Action]: {
    action: A;
    /** the id or name of what it happened to */
    object: string;
    details: Details[A];
  };
}[Action];

/** A line on each kind, for the docs; its subject is the event's object. */
export const ACTIONS: { readonly [A in Action]: string } = {
  "reservation.claimed": "machines were claimed for a reservation",
  "reservation.queued": "it waits for machines",
  "reservation.planned": "its start and its machines were planned, or moved forward",
  "reservation.delayed": "its planned start moved later; with the reason",
  "reservation.short": "a booking lacks machines that no others can replace; with the reason",
  "reservation.booked": "booked for a time that was chosen",
  "reservation.machine_lost": "one of its machines broke, and is set aside",
  "reservation.replaced": "another machine took the slot of one that broke",
  "reservation.wanted": "somebody waits for its machines",
  "reservation.requeued": "its preparation failed for no fault of its own, and it waits again",
  "reservation.swapped": "a machine failed during preparation, and another took its place",
  "reservation.confirmed": "all its accounts work; its time starts",
  "reservation.extended": "its end moved, on every machine",
  "reservation.reduced": "some of its machines were released; the rest goes on",
  "reservation.ended": "released, or its time is up",
  "reservation.failed": "it could not be prepared",
  "reservation.recovered": "a machine of a reservation whose worker had stopped was recovered",
  "reservations.pruned": "old reservations were deleted (HISTORY_DAYS)",
  "series.created": "a series was made, and its occurrences were booked as far ahead as they can be",
  "series.conflict":
    "an occurrence can't be, and was left out; with the reason and the nearest starts that could",
  "series.ended": "it doesn't occur from then on; what was booked for it was released",
  "machine.registered": "a machine joined the pool",
  "machine.host_key_learnt": "its host key was learnt at the first contact",
  "machine.changed": "drained, labelled, or given another host key",
  "machine.cleaned": "proved clean, and offered again",
  "machine.quarantined": "not offered until it is clean; with the reason",
  "machine.removing": "its removal has started; it was held or not clean",
  "machine.removed": "a machine was removed from the pool; clean: false when that was not proved",
  "user.created": "a user was made",
  "user.changed": "a user's role, limits or password changed",
  "user.deleted": "a user was deleted, with their tokens and sessions",
  "token.created": "a token was made",
  "token.deleted": "a token was revoked",
  "session.created": "somebody logged in",
  "session.ended": "a session ended before its time",
  "login.failed": "a login failed",
  "login.limited": "too many logins: more are refused for a while",
  "pool_key.created": "the pool's own SSH key was made",
  "key.rotation_started": "secrets are sealed with a new SECRET_KEY from here on",
  "key.rotated": "all secrets are sealed with the new SECRET_KEY",
  "key.rotation_finished": "the old SECRET_KEY no longer opens anything",
  "events.pruned": "old events were deleted (EVENTS_DAYS)",
  "request.refused": "a request was answered with 401, 403 or 429",
  "requests.unrecorded": "more requests were refused than are recorded individually",
};
