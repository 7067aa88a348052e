// The promise, as a checker. It reads the database, every machine's real accounts, homes, processes and files, and the ledger
// of the responses that clients got. Each violation is a line that begins with the invariant's number.
import { canLogIn } from "../../support/ssh.ts";
import { checkPromises, checkStarts, restlessCalendar } from "./calendar.ts";
import type { Asked, Ledger } from "./ledger.ts";
import { type Lookable, look } from "./look.ts";

/** What to check. `sql` runs a statement on the pool's database. */
export interface Checkable {
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql(text: string, values?: unknown[]): Promise<any[]>;
  machines: Lookable[];
}

export interface Options {
  ledger?: Ledger;
  /** names of machines that can't be reached: their files are not checked */
  unreachable?: string[];
  /** the database was restored to an older state: what it forgot is not checked */
  restored?: boolean;
}

/** How long it may take until a machine is at rest: with the tests' settings, an unused lease runs out after 45 s. */
const AT_REST_MS = 75_000;

/**
 * I5, by trying: with a scheduler running, each machine comes to rest within the time limit: offered, held by an active
 * reservation whose time is not up, or quarantined with its next try in the database (which is repeatedly set to now, so as
 * not to wait for the backoff).
 * @param clean quarantined machines must become clean too (the fault is over)
 */
export async function settle(pool: Checkable, clean = true, unreachable: string[] = []): Promise<string[]> {
  const deadline = performance.now() + AT_REST_MS;
  for (;;) {
    await pool.sql(
      "UPDATE reservations SET not_before = UTC_TIMESTAMP(3) WHERE not_before > UTC_TIMESTAMP(3) + INTERVAL 1 SECOND",
    );
    const restless = await pool.sql(
      `SELECT m.name, m.state, m.fault, m.last_error, m.lease_until > UTC_TIMESTAMP(3) AS leased FROM machines m LEFT JOIN reservations r ON r.id = m.reservation_id
       WHERE NOT (m.state = 'available' OR (m.state = 'reserved' AND r.state = 'active' AND r.ends_at > UTC_TIMESTAMP(3))
         OR (m.state = 'quarantined' AND m.retry_at IS NOT NULL AND (? OR m.name IN (?))))`,
      [!clean, unreachable.length > 0 ? unreachable : [""]],
    );
    const open = await pool.sql(
      `SELECT r.id, r.state FROM reservations r WHERE (r.state IN ('preparing', 'ending') OR (r.state = 'failed' AND r.ended_at IS NULL))
       AND NOT EXISTS (SELECT 1 FROM machines m WHERE m.reservation_id = r.id AND m.state = 'quarantined')`,
    );
    const ahead = await restlessCalendar(pool);
    if (restless.length + open.length + ahead.length === 0) return [];
    if (performance.now() > deadline)
      return [
        ...ahead,
        ...restless.map(
          (m) =>
            `I5 ${m.name} is stuck in ${m.state} (${m.fault ?? "-"}: ${m.last_error ?? "-"}; leased ${m.leased})`,
        ),
        ...open.map((r) => `I5 reservation ${r.id} is stuck in ${r.state}`),
      ];
    await pool.sql(
      "UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined' AND retry_at > UTC_TIMESTAMP(3)",
    );
    await Bun.sleep(100);
  }
}

/**
 * Makes a dead process's leases run out now, instead of waiting a minute. A process that is stopped inside a transaction
 * holds its locks until the server ends it.
 */
export async function expireLeases(pool: Checkable): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      await pool.sql(
        "UPDATE machines SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE lease_worker IS NOT NULL",
      );
      await pool.sql(
        "UPDATE reservations SET extend_lease = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE extend_lease IS NOT NULL",
      );
      return;
    } catch (error) {
      // Waits for 50 s at most.
      if ((error as { errno?: number }).errno !== 1205 || tries > 0)
        throw new Error("I5 a process that stands still holds its locks in the database");
    }
}

/** How often to look again because something happened meanwhile: who waits may start at any moment. */
const MOST_LOOKS = 5;

/** Checks all but I5 now. The pool must be at rest (`settle`). @returns the violations */
export async function check(pool: Checkable, options: Options = {}): Promise<string[]> {
  const last = async () => (await pool.sql("SELECT MAX(id) AS id FROM events"))[0].id;
  for (let looks = 1; ; looks++) {
    const before = await last();
    const bad = await checkNow(pool, options);
    if (bad.length === 0 || looks === MOST_LOOKS || (await last()) === before) return bad;
  }
}

async function checkNow(pool: Checkable, options: Options): Promise<string[]> {
  const bad: string[] = [
    ...(await checkPromises(pool)),
    ...(await checkStarts(pool)),
    ...(await restlessCalendar(pool)),
  ];
  const machines = await pool.sql("SELECT * FROM machines");
  const reservations = await pool.sql("SELECT * FROM reservations");
  const holds = await pool.sql("SELECT * FROM holds ORDER BY claimed_at");
  // An admin removed these machines while they were held; not those that were broken before, whose slot is another's.
  const forced = await pool.sql(
    `SELECT JSON_VALUE(details, '$.reservation') AS id FROM events e WHERE action = 'machine.removing' AND NOT EXISTS (SELECT 1 FROM events l
       WHERE l.action = 'reservation.machine_lost' AND l.object = JSON_VALUE(e.details, '$.reservation') AND l.id < e.id
       AND JSON_VALUE(l.details, '$.machine') = e.object)`,
  );
  // With how many machines bookings started that had lost some.
  const started = await pool.sql(
    "SELECT object AS id, JSON_LENGTH(details, '$.machines') AS n FROM events WHERE action = 'reservation.claimed' ORDER BY id",
  );
  // Their users released single machines of these.
  const reduced = await pool.sql(
    "SELECT object AS id, JSON_LENGTH(details, '$.machines') AS n FROM events WHERE action = 'reservation.reduced'",
  );
  const byId = new Map(reservations.map((one) => [one.id, one]));
  const rowOf = new Map(machines.map((one) => [one.name, one]));

  // --- the database's own story: I1, I7 ---
  for (const machine of machines) {
    const live = holds.filter((hold) => hold.machine_id === machine.id && hold.released_at === null);
    if (live.length > 1) bad.push(`I1 ${machine.name} has ${live.length} live holds`);
    if ((live[0]?.reservation_id ?? null) !== machine.reservation_id)
      bad.push(
        `I7 ${machine.name} is held by ${machine.reservation_id}, its record says ${live[0]?.reservation_id}`,
      );
    const holder = machine.reservation_id && byId.get(machine.reservation_id);
    if (machine.reservation_id && !holder)
      bad.push(`I1 ${machine.name}'s holder ${machine.reservation_id} does not exist`);
    if (machine.state === "available" && machine.reservation_id)
      bad.push(`I1 ${machine.name} is offered and held`);
    if (machine.state === "reserved" && holder?.state !== "active")
      bad.push(`I1 ${machine.name} is reserved by a reservation that is ${holder?.state}`);
  }
  for (const [n, hold] of holds.entries()) {
    const end = hold.released_at ?? new Date(8.64e15);
    if (hold.confirmed_at && hold.confirmed_at < hold.claimed_at)
      bad.push(`I7 hold ${hold.id} was confirmed before its claim`);
    if (end < (hold.confirmed_at ?? hold.claimed_at)) bad.push(`I7 hold ${hold.id} ended before it began`);
    for (const other of holds.slice(n + 1))
      if (
        other.machine_id === hold.machine_id &&
        other.claimed_at < end &&
        hold.claimed_at < (other.released_at ?? new Date(8.64e15))
      )
        bad.push(
          `I7 ${hold.machine_name} was held by ${hold.reservation_id} and ${other.reservation_id} at once`,
        );
  }
  // --- credentials are kept only until the accounts are made, or while another machine may need one ---
  const keeps = (state: string, replaces: number) =>
    ["queued", "booked", "preparing"].includes(state) || (state === "active" && replaces === 1);
  for (const { id, state, credential, replace_broken } of reservations) {
    const must = ["queued", "booked"].includes(state);
    if (credential !== null && !keeps(state, replace_broken))
      bad.push(`I7 ${id} is ${state} and keeps its credential`);
    if (credential === null && must) bad.push(`I7 ${id} is ${state} and has lost its credential`);
  }
  // --- uids: never twice ---
  const uids = new Map<number, string>();
  for (const { uid, id } of reservations.filter((one) => one.uid !== null)) {
    if (uids.has(uid)) bad.push(`I6 uid ${uid} was given to ${uids.get(uid)} and to ${id}`);
    uids.set(uid, id);
  }

  // --- the machines themselves: I1, I2, I6 ---
  const seen = await Promise.all(
    pool.machines.filter(({ name }) => !options.unreachable?.includes(name)).map((one) => look(one)),
  );
  for (const { name, accounts, traces } of seen) {
    const row = rowOf.get(name);
    const holder = row?.reservation_id ? byId.get(row.reservation_id) : undefined;
    if (accounts.length > 1) bad.push(`I1 ${name} has accounts of ${accounts.map((a) => a.name).join(", ")}`);
    for (const account of accounts) {
      if (row?.state === "available")
        bad.push(`I2 ${name} is offered and has the account ${account.name} (${account.uid})`);
      else if (holder?.uid !== account.uid || holder?.id !== account.mark)
        bad.push(`I6 ${name} has the account ${account.name} (${account.uid}) of nobody who holds it`);
    }
    for (const { what, of } of traces) {
      const mine =
        holder &&
        (of === String(holder.uid) ||
          of === holder.username ||
          (Number(of) >= 100_000 && holder.state === "active"));
      if (!mine) bad.push(`I6 ${name}: ${what} of ${of} is left`);
    }
  }

  // --- active reservations: I3 ---
  for (const one of reservations.filter(({ state }) => state === "active")) {
    const held = machines.filter((m) => m.reservation_id === one.id && m.state === "reserved");
    const released = reduced.filter(({ id }) => id === one.id).reduce((sum, { n }) => sum + Number(n), 0);
    const lacking = new Set(
      holds.filter((hold) => hold.reservation_id === one.id && hold.lacking).map(({ slot }) => slot),
    );
    const begun = started.findLast(({ id }) => id === one.id);
    const wanted = one.min_count === null ? one.count : Number(begun?.n ?? one.count);
    if (wanted < (one.min_count ?? wanted)) bad.push(`I3 ${one.username} started with ${wanted}`);
    const count = wanted - forced.filter(({ id }) => id === one.id).length - released - lacking.size;
    if (held.length !== count) bad.push(`I3 ${one.username} has ${held.length} of ${count} machines`);
    const request = options.ledger?.asked.find((asked) => asked.username === one.username);
    for (const machine of held) {
      const live = holds.find((h) => h.machine_id === machine.id && h.released_at === null);
      if (!live?.confirmed_at)
        bad.push(`I7 ${one.username} is active on ${machine.name} without a confirmation`);
      const real = seen.find(({ name }) => name === machine.name);
      if (!real) continue;
      if (!real.accounts.some(({ uid, mark }) => uid === one.uid && mark === one.id))
        bad.push(`I3 ${one.username} has no account on ${machine.name}`);
      const login = {
        port: pool.machines.find(({ name }) => name === machine.name)?.port ?? 0,
        username: one.username,
      };
      if (request && !(await canLogIn({ ...login, password: request.password })))
        bad.push(`I3 ${one.username} can't log in to ${machine.name}`);
    }
  }
  const taken = new Set(forced.map(({ id }) => id));
  if (options.ledger)
    bad.push(...(await checkAnswers(pool, options.ledger, options.restored ?? false, taken)));
  return bad;
}

/**
 * How long an API may keep undoing what it answered with 503 while the database was away: it tries every 1 to 2 s. The
 * machine looks like any other held one, so `settle` does not wait for it.
 */
const UNDONE_MS = 15_000;

/** @param taken reservations that lost a machine to an admin: they need not be active any more */
async function checkAnswers(
  pool: Checkable,
  ledger: Ledger,
  restored: boolean,
  taken: ReadonlySet<string>,
): Promise<string[]> {
  const deadline = performance.now() + UNDONE_MS;
  for (;;) {
    const machines = await pool.sql("SELECT * FROM machines");
    const reservations = await pool.sql("SELECT * FROM reservations");
    const bad = judgeAnswers(ledger, reservations, machines, restored, taken);
    if (!bad.some((line) => line.includes(", and holds ")) || performance.now() > deadline) return bad;
    await Bun.sleep(200);
  }
}

/** Why a reservation that was answered 202 may fail. */
const NO_MACHINES = /time that it could wait|were free at its start/;

function judgeAnswers(
  ledger: Ledger,
  // biome-ignore lint/suspicious/noExplicitAny: rows
  reservations: any[],
  // biome-ignore lint/suspicious/noExplicitAny: rows
  machines: any[],
  restored: boolean,
  taken: ReadonlySet<string>,
): string[] {
  const bad: string[] = [];
  for (const asked of ledger.asked) {
    const rows = reservations.filter(({ username }) => username === asked.username);
    const active = rows.filter(({ state }) => state === "active");
    if (active.length > 1) bad.push(`I4 ${asked.username} has ${active.length} reservations for one request`);
    if (asked.outcome === "granted" && !restored) {
      const mine = rows.find(({ id }) => id === asked.id);
      if (!mine)
        bad.push(`I4 ${asked.username} was answered ${asked.status}, and its reservation is missing`);
      else if (!asked.ended && mine.state !== "active" && !taken.has(mine.id))
        bad.push(
          `I4 ${asked.username} was answered ${asked.status}, and its reservation is ${mine.state}: ${mine.reason}`,
        );
      else if (asked.endsAt && mine.state === "active" && mine.ends_at.toISOString() !== asked.endsAt)
        bad.push(
          `I4 ${asked.username} was extended to ${asked.endsAt}, and ends at ${mine.ends_at.toISOString()}`,
        );
    }
    if (asked.outcome === "waits" && !restored) {
      const mine = rows.find(({ id }) => id === asked.id);
      const waits = ["queued", "booked", "preparing", "active"].includes(mine?.state);
      const lost = mine?.state === "failed" && NO_MACHINES.test(mine.reason);
      // It may have started, and lost its machines to an admin, before its client asked again.
      if (!waits && !asked.ended && !lost && !taken.has(asked.id ?? ""))
        bad.push(
          `I4 ${asked.username} was answered 202, and its reservation is ${mine?.state}: ${mine?.reason}`,
        );
    }
    if (asked.outcome === "refused")
      for (const { id, state } of rows) {
        // Another request with the same key may have made it: one that was granted, or one without an answer, which a repeat
        // can't know about while the database is away.
        const may = ({ key, outcome }: Asked) =>
          key === asked.key && (outcome === "granted" || (outcome === "unknown" && asked.status === 503));
        if (asked.key && ledger.asked.some(may)) continue;
        for (const machine of machines.filter((m) => m.reservation_id === id && m.state !== "quarantined"))
          bad.push(`I4 ${asked.username} was answered ${asked.status}, and holds ${machine.name} (${state})`);
        if (state === "queued" || state === "booked")
          bad.push(`I4 ${asked.username} was answered ${asked.status}, and holds a place: ${state}`);
      }
  }
  for (const asked of ledger.asked.filter(({ key, outcome }) => key && outcome === "granted"))
    for (const other of ledger.asked)
      if (other.key === asked.key && other.id && other.id !== asked.id)
        bad.push(`I4 one Idempotency-Key gave ${asked.id} and ${other.id}`);
  return [...new Set(bad)];
}

/** Watches I1 and I8 continuously under load: the machines' own /etc/passwd, the holds, and the commitments. */
export function watch(pool: Checkable): { stop(): Promise<string[]>; looks(): number } {
  const bad = new Set<string>();
  let going = true;
  let looks = 0;
  const loop = (async () => {
    while (going) {
      looks++;
      for (const machine of pool.machines) {
        const text = await Bun.file(`${machine.root}/etc/passwd`)
          .text()
          .catch(() => "");
        const ours = text
          .split("\n")
          .map((line) => line.split(":"))
          .filter((part) => Number(part[2]) >= 20_000 && Number(part[2]) <= 59_999);
        if (ours.length > 1)
          bad.add(`I1 ${machine.name} has at once ${ours.map((part) => part[0]).join(", ")}`);
      }
      try {
        for (const row of await pool.sql(
          "SELECT machine_name, COUNT(*) AS n FROM holds WHERE released_at IS NULL GROUP BY machine_id HAVING n > 1",
        ))
          bad.add(`I1 ${row.machine_name} has ${row.n} live holds`);
        for (const line of await checkPromises(pool)) bad.add(line);
      } catch {
        // The database is under attack.
      }
      await Bun.sleep(20);
    }
  })();
  return {
    looks: () => looks,
    async stop() {
      going = false;
      await loop;
      return [...bad];
    },
  };
}
