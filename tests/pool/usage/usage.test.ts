// What usage is computed from a history, compared with the simplest computation there is: looking at every minute. On a real
// database, with reservations of every kind; all times are whole minutes.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createUser } from "../../../pool/identity/users.ts";
import { percentileOf } from "../../../pool/usage/percentile.ts";
import { daysOf, rangeOf } from "../../../pool/usage/range.ts";
import { pageOfUsage, readUsage, type UsageInput } from "../../../pool/usage/usage.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

const MINUTE = 60_000;
const DAY = 24 * 60;
/** Minutes are counted from 20 days ago, at midnight. */
const BASE = Math.floor(Date.now() / (DAY * MINUTE) - 20) * DAY * MINUTE;
const at = (minute: number) => new Date(BASE + minute * MINUTE);
/** This minute, in which nothing here happens. */
const NOW = Math.floor((Date.now() - BASE) / MINUTE);

interface Row {
  user: string | null;
  username: string;
  kind: "direct" | "queue" | "booking";
  state: string;
  fault: string | null;
  created: number;
  starts: number | null;
  ends: number;
  ended: number | null;
  holds: {
    machine: number;
    claimed: number;
    confirmed: number | null;
    ending: number | null;
    released: number | null;
  }[];
}

let pool: StubPool;
const userIds: Record<string, string> = {};
const machineIds: string[] = [];
const rows: Row[] = [];

async function insert(row: Row): Promise<void> {
  rows.push(row);
  const id = crypto.randomUUID();
  await pool.sql(
    "INSERT INTO reservations (id, user_id, username, state, kind, fault, count, duration_minutes, created_at, starts_at, ends_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, ?, ?, ?)",
    [
      id,
      row.user && (userIds[row.user] ?? "deleted"),
      row.username,
      row.state,
      row.kind,
      row.fault,
      at(row.created),
      row.starts === null ? null : at(row.starts),
      at(row.ends),
      row.ended === null ? null : at(row.ended),
    ],
  );
  const time = (minute: number | null) => (minute === null ? null : at(minute));
  for (const hold of row.holds)
    await pool.sql(
      "INSERT INTO holds (id, reservation_id, machine_id, machine_name, slot, claimed_at, confirmed_at, ending_at, released_at) VALUES (UUID(), ?, ?, 'x', 1, ?, ?, ?, ?)",
      [
        id,
        machineIds[hold.machine] ?? "gone",
        at(hold.claimed),
        time(hold.confirmed),
        time(hold.ending),
        time(hold.released),
      ],
    );
}

/** The same numbers each time. */
let seed = 7;
function random(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((seed / 2 ** 31) * below);
}

/** A reservation that went as most do: of one machine or two, released at its end or before, by a user or by nobody. */
function usual(): Row {
  const kind = (["direct", "direct", "queue", "booking"] as const)[random(4)] ?? "direct";
  const created = random(NOW - 400);
  const claimed = created + (kind === "direct" ? 0 : random(200));
  const confirmed = claimed + 1 + random(3);
  const starts = kind === "booking" ? confirmed + random(5) : confirmed;
  const ends = starts + 10 + random(3000);
  const ending = Math.min(starts + 5 + random(ends - starts), ends, NOW - 60);
  const released = ending + random(30);
  const user = [null, "ann", "bob", "gone"][random(4)] ?? null;
  return {
    user,
    username: ["x", "y"][random(2)] ?? "x",
    kind,
    state: "ended",
    fault: null,
    created,
    starts,
    ends,
    ended: released,
    holds: Array.from({ length: 1 + random(2) }, () => ({
      machine: random(5),
      claimed,
      confirmed,
      ending,
      released,
    })),
  };
}

const USUAL: Row = {
  user: "ann",
  username: "x",
  kind: "direct",
  state: "ended",
  fault: null,
  created: 0,
  starts: 0,
  ends: 0,
  ended: 0,
  holds: [],
};

beforeAll(async () => {
  pool = await startStubPool(4);
  for (const name of ["ann", "bob"]) {
    await createUser(
      pool.deps,
      name,
      "user",
      { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null },
      null,
    );
    userIds[name] = (await pool.sql("SELECT id FROM users WHERE name = ?", [name]))[0].id;
  }
  for (const { id } of await pool.sql("SELECT id FROM machines ORDER BY name")) machineIds.push(id);
  await pool.sql("UPDATE machines SET labels = '{\"gpu\": \"a100\"}' WHERE name IN ('stub-1', 'stub-2')");
  await pool.sql(
    'UPDATE machines SET labels = \'{"gpu": ""}\', facts = \'{"os": "debian"}\' WHERE name = \'stub-3\'',
  );
  await pool.sql("UPDATE machines SET created_at = ?", [at(3000)]);
  for (let n = 0; n < 300; n++) await insert(usual());
  // One that runs.
  const runs = { claimed: NOW - 50, confirmed: NOW - 49, ending: null, released: null };
  await insert({
    ...USUAL,
    state: "active",
    created: NOW - 50,
    starts: NOW - 49,
    ends: NOW + 60,
    ended: null,
    holds: [{ machine: 0, ...runs }],
  });
  // One whose machine was lost, and is quarantined since; another has its slot.
  await insert({
    ...USUAL,
    state: "active",
    created: 15_000,
    starts: 15_002,
    ends: NOW + 1,
    ended: null,
    holds: [
      { machine: 1, claimed: 15_000, confirmed: 15_002, ending: 16_000, released: null },
      { machine: 2, claimed: 16_002, confirmed: 16_005, ending: null, released: null },
    ],
  });
  // Failed: on a machine, without one, and longest after it was released (its machine was not clean).
  await insert({
    ...USUAL,
    state: "failed",
    fault: "unreachable",
    created: 9000,
    starts: 9000,
    ends: 9060,
    ended: 9500,
    holds: [{ machine: 3, claimed: 9000, confirmed: null, ending: 9003, released: 9500 }],
  });
  await insert({
    ...USUAL,
    kind: "queue",
    state: "failed",
    created: 9001,
    starts: null,
    ends: 9060,
    ended: 9100,
  });
  // Older ones: when the removal began was erased when it took a quarantine.
  await insert({
    ...USUAL,
    created: 5000,
    starts: 5001,
    ends: 5600,
    ended: 12_000,
    holds: [{ machine: 3, claimed: 5000, confirmed: 5001, ending: null, released: 12_000 }],
  });
  // Given up before it began, and a booking that is yet to come.
  await insert({ ...USUAL, kind: "booking", created: 8000, starts: NOW + 500, ends: NOW + 900, ended: 8100 });
  await insert({
    ...USUAL,
    kind: "booking",
    state: "booked",
    created: 8000,
    starts: NOW + 500,
    ends: NOW + 900,
    ended: null,
  });
});
afterAll(() => pool?.stop());

/** Whether somebody could use a machine in a minute. */
function isUsed(row: Row, hold: Row["holds"][number], minute: number): boolean {
  if (hold.confirmed === null || minute < hold.confirmed || minute < (row.starts ?? 0)) return false;
  if (hold.ending !== null) return minute < hold.ending;
  return minute < row.ends && (hold.released === null || minute < hold.released);
}
const isHeld = ({ claimed, released }: Row["holds"][number], minute: number) =>
  minute >= claimed && (released === null || minute < released);

/** Looks at every minute of a range. */
function lookAt(from: number, to: number, only: (row: Row, machine: number) => boolean) {
  let [used, held] = [0, 0];
  for (const row of rows)
    for (const hold of row.holds) {
      if (!only(row, hold.machine)) continue;
      for (let minute = Math.max(from, hold.claimed); minute < to; minute++) {
        if (!isHeld(hold, minute)) break;
        held++;
        if (isUsed(row, hold, minute)) used++;
      }
    }
  return { machineHours: used / 60, heldHours: held / 60 };
}

const read = (from: number, to: number, more: Partial<UsageInput> = {}) =>
  readUsage(pool.deps, { from: at(from), to: at(to), by: "user", ...more });
/** Rounded as usage is. */
const near = (hours: number) => expect.closeTo(hours, 3);

const RANGES: [from: number, to: number][] = [
  [0, NOW],
  [3333, 17_777],
  [7 * DAY, 8 * DAY],
  [15_500, 15_501],
  [5590, 5610],
];

for (const [from, to] of RANGES)
  test(`minutes ${from} to ${to}: by user, label and day it is what a look at every minute says`, async () => {
    const all = () => true;
    const byUser = await read(from, to);
    const whole = lookAt(from, to, all);
    expect(byUser.total).toMatchObject({
      machineHours: near(whole.machineHours),
      heldHours: near(whole.heldHours),
    });
    expect(byUser.total.poolHours).toBeCloseTo((4 * Math.max(0, to - Math.max(from, 3000))) / 60, 3);
    const known = (user: string | null) => (user !== null && user in userIds ? user : null);
    const isTheirs = (user: string | null | undefined, username: string | null | undefined) => (row: Row) =>
      known(row.user) === user && (user !== null || row.username === username);
    for (const { user, username, machineHours, heldHours } of byUser.rows)
      expect({ machineHours, heldHours }).toEqual(mapped(lookAt(from, to, isTheirs(user, username))));
    const byLabel = await read(from, to, { by: "label", label: "gpu" });
    const labels = ["a100", "a100", "", undefined, undefined];
    const sums = new Map(byLabel.rows.map(({ value, ...row }) => [value ?? null, row]));
    for (const value of ["a100", "", null]) {
      const looked = lookAt(from, to, (_, machine) => (labels[machine] ?? null) === value);
      const { machineHours = 0, heldHours = 0 } = sums.get(value) ?? {};
      expect({ machineHours, heldHours }).toEqual(mapped(looked));
    }
    const byDay = await read(from, to, { by: "day" });
    for (const { day, machineHours, heldHours } of byDay.rows) {
      const start = (Date.parse(day ?? "") - BASE) / MINUTE;
      const looked = lookAt(Math.max(from, start), Math.min(to, start + DAY), all);
      expect({ machineHours, heldHours }).toEqual(mapped(looked));
    }
    expect(byDay.rows.map(({ day }) => day)).toEqual(
      daysOf({ from: at(from).getTime(), to: at(to).getTime() }).map(({ day }) => day),
    );
    expect(byDay.total).toEqual(byUser.total);
    expect(byLabel.total).toEqual(byUser.total);
  });

const mapped = ({ machineHours, heldHours }: { machineHours: number; heldHours: number }) => ({
  machineHours: near(machineHours),
  heldHours: near(heldHours),
});

test("waits, removals and failures are those of the range", async () => {
  const [from, to] = [3333, 17_777];
  const isIn = (minute: number | null) => minute !== null && minute >= from && minute < to;
  const startOf = ({ holds }: Row) =>
    holds.map(({ confirmed }) => confirmed).find((one) => one !== null) ?? null;
  const started = rows.filter((row) => isIn(startOf(row)));
  const waits = started
    .filter(({ kind }) => kind !== "booking")
    .map((row) => 60 * ((startOf(row) ?? 0) - row.created))
    .sort((a, b) => a - b);
  const removals = rows
    .flatMap(({ holds }) => holds)
    .filter(({ confirmed, ending, released }) => confirmed !== null && ending !== null && isIn(released))
    .map(({ ending, released }) => 60 * ((released ?? 0) - (ending ?? 0)))
    .sort((a, b) => a - b);
  const rank = (all: number[], part: number) => all[Math.ceil(all.length * part) - 1] ?? Number.NaN;
  const { total, failures } = await read(from, to);
  expect(waits.length).toBeGreaterThan(50);
  expect(total).toMatchObject({
    reservations: started.length,
    failed: 2,
    waitMedian: rank(waits, 0.5),
    waitP95: rank(waits, 0.95),
    removals: removals.length,
    removalMedian: rank(removals, 0.5),
    removalP95: rank(removals, 0.95),
  });
  const byDay = await read(from, to, { by: "day" });
  const sum = (name: "reservations" | "failed" | "removals") =>
    byDay.rows.reduce((all, row) => all + row[name], 0);
  expect([sum("reservations"), sum("failed"), sum("removals")]).toEqual([
    total.reservations,
    total.failed,
    total.removals,
  ]);
  expect(failures).toEqual([
    { fault: null, reservations: 1, quarantines: 0 },
    { fault: "unreachable", reservations: 1, quarantines: 0 },
  ]);
});

test("users without a name any more, and none at all, are told apart by their accounts; pages are as everywhere", async () => {
  const usage = await read(0, NOW);
  const names = usage.rows.map(({ user, username }) => [user, username]);
  expect(names).toEqual([
    [null, "x"],
    [null, "y"],
    ["ann", null],
    ["bob", null],
  ]);
  const first = pageOfUsage(usage, { limit: 3 });
  const second = pageOfUsage(usage, { limit: 3, after: first.next });
  expect([...first.rows, ...second.rows]).toEqual(usage.rows);
  expect([first.rows.length, second.next]).toEqual([3, undefined]);
  expect(() => pageOfUsage(usage, { limit: 3, after: ["a", "b"] })).toThrow("cursor");
});

test("a fact is a label, too, and machines that have left the pool are counted as long as they were in it", async () => {
  const { rows: byOs } = await read(0, NOW, { by: "label", label: "fact.os" });
  expect(byOs.map(({ value }) => value)).toEqual([null, "debian"]);
  const event = (action: string, object: string, minute: number) =>
    pool.sql(
      "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (?, 'a', '', '', ?, ?, '{}')",
      [at(minute), action, object],
    );
  await event("machine.registered", "left", 4000);
  await event("machine.removed", "was-there-before", 4060);
  await event("machine.removed", "left", 4600);
  const { total } = await read(3600, 5000);
  expect(total.poolHours).toBeCloseTo((4 * 1400 + 600 + 460) / 60, 3);
  expect((await read(4300, 4330)).total.poolHours).toBeCloseTo((4 * 30 + 30) / 60, 3);
});

test("quarantines are counted by their fault, in the range only", async () => {
  for (const [fault, minute] of [
    ["leftovers", 6000],
    ["leftovers", 6001],
    ["timeout", 6000],
    ["timeout", 7000],
  ] as const)
    await pool.sql(
      "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (?, 'a', '', '', 'machine.quarantined', 'm', ?)",
      [at(minute), JSON.stringify({ fault, reason: "r" })],
    );
  const { failures } = await read(5990, 6010);
  expect(failures).toEqual([
    { fault: "leftovers", reservations: 0, quarantines: 2 },
    { fault: "timeout", reservations: 0, quarantines: 1 },
  ]);
});

test("what was deleted is said: reservations and events", async () => {
  const prune = (action: string, details: object, minute: number) =>
    pool.sql(
      "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (?, 'a', '', '', ?, 'x', ?)",
      [at(minute), action, JSON.stringify(details)],
    );
  expect((await read(0, NOW)).historyFrom).toBeNull();
  await prune("reservations.pruned", { count: 1, days: 10 }, 12 * DAY);
  await prune("reservations.pruned", { count: 1, days: 30 }, 13 * DAY);
  expect((await read(0, NOW)).historyFrom).toBe(at(2 * DAY).getTime());
  expect((await read(2 * DAY, NOW)).historyFrom).toBeNull();
  await prune("events.pruned", { count: 1, days: 3, before: at(5 * DAY).toISOString() }, 8 * DAY);
  expect((await read(0, NOW)).historyFrom).toBe(at(5 * DAY).getTime());
});

test("a range is bounded, ends now at the latest, and is 30 days by itself", () => {
  const now = Date.UTC(2026, 10, 27, 12);
  const day = 24 * 3600 * 1000;
  expect(rangeOf({}, now)).toEqual({ from: now - 30 * day, to: now });
  expect(rangeOf({ to: new Date(now + day) }, now)).toEqual({ from: now - 30 * day, to: now });
  expect(rangeOf({ to: new Date(now - day) }, now)).toEqual({ from: now - 31 * day, to: now - day });
  for (const [from, to, field] of [
    [now, now, "to"],
    [now - day, now - 2 * day, "to"],
    [now + 1, undefined, "from"],
    [now + day, now + 2 * day, "from"],
    [now - 367 * day, undefined, "from"],
  ] as const)
    expect(() => rangeOf({ from: new Date(from), to: to === undefined ? to : new Date(to) }, now)).toThrow(
      new RegExp(`^${field}: `),
    );
});

test("a percentile is by nearest rank", () => {
  expect([percentileOf([], 0.5), percentileOf([7], 0.95), percentileOf([3, 1, 2, 4], 0.5)]).toEqual([
    null,
    7,
    2,
  ]);
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect([percentileOf(hundred, 0.5), percentileOf(hundred, 0.95)]).toEqual([50, 95]);
});
