// The promise of the queue and of the calendar: I8 and I10 from the database's rows at one moment, I9 from the events in
// their order. Each violation is a line that begins with the invariant's number.
import type { Checkable } from "./checker.ts";

/** Of our reservations, in the state machine's words. */
const STARTS = "r.state IN ('queued', 'booked')";
/** A machine that could be claimed right now. */
const FREE = "m.state = 'available' AND NOT m.drained";
/** How long a planner may take to notice, in seconds: one runs every second for what is due. */
const NOTICED = "INTERVAL 4 SECOND";
const NOW = "UTC_TIMESTAMP(3)";

/** What must never be true, not for a moment: each statement sees one moment. */
const NEVER: Record<string, string> = {
  "I8 is promised twice at once": `SELECT CONCAT(a.machine_id, ' to ', a.reservation_id, ' and ', b.reservation_id) AS what
    FROM commitments a JOIN commitments b ON a.machine_id = b.machine_id AND a.reservation_id < b.reservation_id
    AND a.busy_from < b.ends_at AND b.busy_from < a.ends_at`,
  "I8 is promised before its holder's end": `SELECT CONCAT(m.name, ' of ', r.username, ' to ', c.reservation_id) AS what
    FROM machines m JOIN reservations r ON r.id = m.reservation_id
    JOIN commitments c ON c.machine_id = m.id AND c.reservation_id <> r.id
    WHERE m.state IN ('preparing', 'reserved') AND r.state IN ('preparing', 'active') AND c.ends_at > ${NOW}
    AND c.busy_from < GREATEST(r.ends_at, COALESCE(r.extend_to, r.ends_at))`,
  "I10 is promised a machine, and doesn't wait": `SELECT CONCAT(c.reservation_id, ' (', COALESCE(r.state, 'gone'), ')') AS what
    FROM commitments c LEFT JOIN reservations r ON r.id = c.reservation_id WHERE r.id IS NULL OR NOT ${STARTS}`,
};

/** Machines of a reservation that are promised to it, and those of them that are free. */
const promised = (which = "1") =>
  `(SELECT COUNT(*) FROM commitments c JOIN machines m ON m.id = c.machine_id WHERE c.reservation_id = r.id AND ${which})`;

/** What a killed process may leave, and must be finished or undone at rest. */
const HALF_DONE: Record<string, string> = {
  "I10 has not as many machines promised as it waits for": `SELECT CONCAT(r.username, ' ', r.state, ' ', n, ' of ', r.count) AS what
    FROM (SELECT r.*, (SELECT COUNT(*) FROM commitments c WHERE c.reservation_id = r.id) AS n FROM reservations r) r
    WHERE ${STARTS} AND n <> r.count AND NOT (r.state = 'queued' AND n = 0 AND r.starts_at IS NULL)
    AND NOT (r.state = 'booked' AND n < r.count AND r.delay IS NOT NULL)`,
  "I10 waits without a start, although there are enough machines": `SELECT r.username AS what FROM reservations r
    WHERE r.state = 'queued' AND r.starts_at IS NULL AND r.where_labels IS NULL AND r.only_machines IS NULL AND r.except_machines IS NULL
    AND r.count <= (SELECT COUNT(*) FROM machines m WHERE NOT m.drained AND m.state <> 'removing')`,
  "I10 should have started, for its machines are free": `SELECT CONCAT(r.username, ' ', r.state) AS what FROM reservations r
    WHERE ${STARTS} AND r.starts_at - INTERVAL IF(r.state = 'booked', 60, 0) SECOND < ${NOW} - ${NOTICED}
    AND (r.not_before IS NULL OR r.not_before < ${NOW} - ${NOTICED}) AND ${promised(FREE)} = r.count`,
  "I10 waits longer than it may": `SELECT r.username AS what FROM reservations r
    WHERE r.state = 'queued' AND r.wait_until < ${NOW} - ${NOTICED}`,
  "I10 was booked, and its time is over": `SELECT r.username AS what FROM reservations r
    WHERE r.state = 'booked' AND r.starts_at < ${NOW} - INTERVAL 40 SECOND`,
  "I10 is still being extended": `SELECT r.username AS what FROM reservations r
    WHERE r.extend_to IS NOT NULL AND (r.extend_lease IS NULL OR r.extend_lease < ${NOW} OR r.state <> 'active')`,
  "I10 is being prepared by nobody": `SELECT r.username AS what FROM reservations r WHERE r.state = 'preparing'
    AND NOT EXISTS (SELECT 1 FROM machines m WHERE m.reservation_id = r.id AND m.lease_until > ${NOW})`,
  "I10 lacks a machine, although one is free": `SELECT CONCAT(r.username, ' slot ', h.slot) AS what
    FROM holds h JOIN reservations r ON r.id = h.reservation_id WHERE r.state = 'active' AND h.lacking AND r.where_labels IS NULL
    AND r.only_machines IS NULL AND r.except_machines IS NULL
    AND EXISTS (SELECT 1 FROM machines m WHERE ${FREE} AND NOT EXISTS (SELECT 1 FROM commitments c WHERE c.machine_id = m.id)
      AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.machine_id = m.id AND o.reservation_id = r.id))`,
};

async function ask(pool: Checkable, statements: Record<string, string>): Promise<string[]> {
  const bad: string[] = [];
  for (const [name, text] of Object.entries(statements))
    for (const { what } of await pool.sql(text)) bad.push(`${name.replace(" ", ` ${what} `)}`);
  return bad;
}

/** I8, and what belongs to I10 at every moment. */
export const checkPromises = (pool: Checkable) => ask(pool, NEVER);
/** I10: what isn't at rest yet; it may be a moment later. */
export const restlessCalendar = (pool: Checkable) => ask(pool, HALF_DONE);

/** A reservation as its events tell it. */
interface Told {
  /** the start that its user was told last, in ms; null: none since it was last told why not */
  start: number | null;
  /** names; [] after a delay, whose event names none */
  machines: string[];
  waits: boolean;
  /** the event that told it */
  by: number;
  /** booked for that time, which never changes */
  booked: number | null;
}

interface Event {
  id: number;
  at: Date;
  action: string;
  object: string;
  // biome-ignore lint/suspicious/noExplicitAny: of every shape
  details: any;
}

/** What may move a start of somebody else on, too. */
const BREAKS = new Set(
  "machine.quarantined machine.changed machine.removing machine.removed reservation.swapped reservation.requeued"
    .split(" ")
    .concat("reservation.recovered reservation.machine_lost reservation.short".split(" ")),
);
/** The words for a cause further up: it must be in the events. */
const INDIRECT = /^a machine of a request before/;
/** A booking needs its machines so long before its start. */
const LEAD = 60_000;

/** A start that was told is over, and nobody said anything: so long it may take to start a process that was killed. */
const LATE_MS = 45_000;

// biome-ignore lint/suspicious/noExplicitAny: a row
type Row = any;
const MINUTE = 60_000;
const iso = (at: number) => new Date(at).toISOString();
const ms = (text: string) => new Date(text).getTime();
const shared = (a: string[], b: string[]) => a.filter((name) => b.includes(name));

/** I9: follows every start that was told through the events. @returns the violations, and what was told last */
export function followStarts(events: Event[], reservations: Row[], holds: Row[]) {
  const bad: string[] = [];
  const told = new Map<string, Told>();
  const rows = new Map<string, Row>(reservations.map((row) => [row.id, row]));
  /** the last event that may move starts on, of all and by machine */
  let broke = 0;
  const cleaned = new Map<string, number>();
  const nameOf = (id: string) => rows.get(id)?.username ?? id;
  /** Machines are taken until some time: nobody else may have been told to get them before. */
  const taken = (id: string, machines: string[], until: number, what: string) => {
    for (const [other, its] of told) {
      if (other === id || !its.waits || its.start === null || its.start - (its.booked ? LEAD : 0) >= until)
        continue;
      const both = shared(its.machines, machines);
      if (both.length > 0)
        bad.push(
          `I9 ${nameOf(id)} ${what} ${both} until ${iso(until)}, which ${nameOf(other)} was told to get at ${iso(its.start)}`,
        );
    }
  };
  for (const { id, at, action, object, details } of events) {
    const its = told.get(object);
    const row = rows.get(object);
    const time = at.getTime();
    if (BREAKS.has(action)) broke = id;
    // What is registered under its name again is another machine, which nobody was promised.
    if (action === "machine.removing" || action === "machine.removed")
      for (const one of told.values()) one.machines = one.machines.filter((name) => name !== object);
    if (action === "machine.cleaned") cleaned.set(object, id);
    if (action === "reservation.queued" || action === "reservation.booked") {
      const booked = action === "reservation.booked" ? ms(details.starts_at) : null;
      told.set(object, { start: booked, machines: [], waits: true, by: id, booked });
    }
    if (action === "reservation.planned" && its) {
      const start = ms(details.starts_at);
      if (its.start !== null && start > its.start)
        bad.push(`I9 ${nameOf(object)} was told ${its.start}, and then ${start}, without a reason`);
      if (its.booked !== null && start !== its.booked) bad.push(`I9 the booking ${nameOf(object)} moved`);
      Object.assign(its, { start, machines: details.machines, by: id });
    }
    if (action === "reservation.delayed" && its) {
      const late = [...told.values()].some((one) => one !== its && one.waits && (one.start ?? time) < time);
      const own = its.machines.some((name) => (cleaned.get(name) ?? 0) > its.by);
      if (its.booked !== null) bad.push(`I9 the booking ${nameOf(object)} was delayed`);
      if (its.start !== ms(details.told))
        bad.push(`I9 ${nameOf(object)} was delayed from ${details.told}, not ${its.start}`);
      if (!details.reason) bad.push(`I9 ${nameOf(object)} was delayed without a reason`);
      if (INDIRECT.test(details.reason) && broke < its.by && !late && !own)
        bad.push(`I9 ${nameOf(object)} was delayed, and nothing had happened: ${details.reason}`);
      broke = INDIRECT.test(details.reason) ? broke : id;
      Object.assign(its, { start: details.starts_at && ms(details.starts_at), machines: [], by: id });
    }
    if (action === "reservation.short" && its) its.machines = [];
    if (action === "reservation.requeued" && its)
      Object.assign(its, { start: its.booked, machines: [], waits: true, by: id });
    if (action === "reservation.claimed") {
      const late = its?.waits && its.start !== null ? time - its.start : 0;
      if (late > LATE_MS)
        bad.push(
          `I9 ${nameOf(object)} was told ${its?.start}, and started ${late} ms later, without a reason`,
        );
      if (its) its.waits = false;
      const until = its?.booked ? its.booked : time;
      taken(object, details.machines, until + (row?.duration_minutes ?? 0) * MINUTE, "got");
    }
    if (action === "reservation.swapped" && details.by && row)
      taken(
        object,
        [details.by],
        its?.booked ? its.booked + row.duration_minutes * MINUTE : time,
        "was given",
      );
    if (action === "reservation.extended" && ms(details.to) > ms(details.from)) {
      const held = holds.filter(
        (h) =>
          h.reservation_id === object &&
          h.confirmed_at &&
          h.claimed_at <= at &&
          !(h.released_at <= at && h.released_at),
      );
      taken(
        object,
        held.map((h) => h.machine_name),
        ms(details.to),
        "keeps by its extension",
      );
    }
    if (action === "reservation.ended" || action === "reservation.failed") told.delete(object);
  }
  return { bad, told };
}

/** I9 now. */
export async function checkStarts(pool: Checkable): Promise<string[]> {
  const events = await pool.sql(
    "SELECT * FROM events WHERE action LIKE 'reservation.%' OR action LIKE 'machine.%' ORDER BY id",
  );
  const reservations = await pool.sql("SELECT * FROM reservations");
  const holds = await pool.sql("SELECT * FROM holds");
  for (const one of events) if (typeof one.details === "string") one.details = JSON.parse(one.details);
  const { bad, told } = followStarts(events, reservations, holds);
  for (const row of reservations) {
    const its = told.get(row.id);
    const start = row.starts_at?.getTime() ?? null;
    if (row.state === "queued" && its && start !== its.start && its.machines.length > 0)
      bad.push(`I9 ${row.username} was told ${its.start}, and its row says ${start}`);
    if (row.kind === "booking" && its && start !== its.booked)
      bad.push(`I9 ${row.username} was booked for ${its.booked}, and its row says ${start}`);
  }
  return bad;
}
