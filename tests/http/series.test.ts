// The routes of series, in process, on a real database and fake machines.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import { openDatabase } from "../../db/client.ts";
import { createToken } from "../../pool/identity/tokens.ts";
import { createUser } from "../../pool/identity/users.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-this-test";
let pool: StubPool;
let ask: ReturnType<typeof inProcess>;
const tokens: Record<string, string> = { admin: ADMIN };
const as = (who: string) => ({ Authorization: `Bearer ${tokens[who]}` });

beforeAll(async () => {
  pool = await startStubPool(3, { ADMIN_TOKEN: ADMIN, MAX_BOOKED: "20" });
  ask = inProcess(app, pool.deps);
  const limits = { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null };
  for (const [name, role] of [
    ["vera", "viewer"],
    ["una", "user"],
    ["ulf", "user"],
  ] as const) {
    await createUser(pool.deps, name, role, limits, null);
    tokens[name] = (await createToken(pool.deps, { user: name, name: "t" })).token;
  }
});
afterAll(() => pool?.stop());

const DAY = 24 * 3600_000;
/** A local time in UTC, so many days from now. */
const local = (days: number, time: string) =>
  `${new Date(Date.now() + days * DAY).toISOString().slice(0, 10)}T${time}`;
const body = (more: Record<string, unknown> = {}) => ({
  username: "una",
  rrule: "FREQ=DAILY;COUNT=5",
  starts_at: local(2, "13:00"),
  time_zone: "Europe/Paris",
  duration: 90,
  ...more,
});
const make = (more: Record<string, unknown> = {}, who = "una") => ask("POST", "/series", body(more), as(who));

test("POST /series: 201 with all that was booked, GET /series/:id the same", async () => {
  const made = await make({ count: 2, except_dates: [local(3, "").slice(0, 10)], password: "a-secret" });
  expect([made.status, made.headers.get("location")]).toEqual([201, `/series/${made.body.id}`]);
  expect(made.body).toMatchObject({
    username: "una",
    user: "una",
    rrule: "FREQ=DAILY;COUNT=5",
    starts_at: local(2, "13:00"),
    time_zone: "Europe/Paris",
    duration_minutes: 90,
    count: 2,
    where: null,
    machines: null,
    except: null,
    on_conflict: "refuse",
    conflicts: [],
  });
  expect(made.body.occurrences.map((one: { local_time: string }) => one.local_time)).toEqual(
    [2, 4, 5, 6].map((days) => local(days, "13:00")),
  );
  const path = `/series/${made.body.id}`;
  for (const who of ["una", "vera", "admin"])
    expect(await ask("GET", path, undefined, as(who))).toMatchObject({ status: 200, body: made.body });
  const hidden = await ask("GET", path, undefined, as("ulf"));
  expect([hidden.status, hidden.body.code]).toEqual([404, "series_not_found"]);

  // One occurrence is cancelled as any reservation is.
  const [, second] = made.body.occurrences;
  expect((await ask("GET", `/reservations/${second.id}`, undefined, as("una"))).body).toMatchObject({
    state: "booked",
    starts_at: second.starts_at,
  });
  expect((await ask("DELETE", `/reservations/${second.id}`, undefined, as("una"))).status).toBe(200);
  const states = async () =>
    (await ask("GET", path, undefined, as("una"))).body.occurrences.map(
      (one: { state: string }) => one.state,
    );
  expect(await states()).toEqual(["booked", "ended", "booked", "booked"]);

  // DELETE from a time on, then all.
  expect((await ask("DELETE", path, undefined, as("ulf"))).body.code).toBe("series_not_found");
  expect((await ask("DELETE", path, undefined, as("vera"))).status).toBe(403);
  const from = made.body.occurrences[3].starts_at;
  const later = await ask("DELETE", `${path}?from=${from}`, undefined, as("una"));
  expect(later.body).toEqual({
    message: "Series ended; its reservations from then on are released",
    id: made.body.id,
    ends_at: from,
    released: [made.body.occurrences[3].id],
    pending: [],
  });
  expect(await states()).toEqual(["booked", "ended", "booked", "ended"]);
  const all = await ask("DELETE", path, undefined, as("admin"));
  expect([all.status, all.body.released.length]).toEqual([200, 2]);
  const again = await ask("DELETE", path, undefined, as("una"));
  expect([again.status, again.body.code]).toEqual([404, "series_not_found"]);
});

test("GET /series: one's own, all for viewers and admins, page by page", async () => {
  const [one, two] = [await make({ count: 1 }), await make({ count: 1 }, "ulf")];
  const list = async (who: string, query = "") =>
    (await ask("GET", `/series${query}`, undefined, as(who))).body;
  const ids = ({ series }: { series: { id: string }[] }) => series.map(({ id }) => id);
  expect(ids(await list("ulf"))).toEqual([two.body.id]);
  const all = await list("vera");
  expect(ids(all).slice(-2)).toEqual([one.body.id, two.body.id]);
  expect(ids(await list("admin"))).toEqual(ids(all));
  const { occurrences: _, conflicts: __, ...row } = two.body;
  expect(all.series.at(-1)).toEqual(row);
  const paged: string[] = [];
  for (let query: string | undefined = "?limit=1"; query; ) {
    const page: { series: { id: string }[]; next?: string } = await list("vera", query);
    paged.push(...ids(page));
    query = page.next && `?limit=1&cursor=${page.next}`;
  }
  expect(paged).toEqual(ids(all));
  for (const { body } of [one, two]) await ask("DELETE", `/series/${body.id}`, undefined, as("admin"));
});

test("POST /series: 400 names the field, and a rule's column", async () => {
  const detail = async (more: Record<string, unknown>) => {
    const { status, body } = await make(more);
    return [status, body.code, body.details?.[0]];
  };
  const bad = (field: string, message: unknown, column?: number) => [
    400,
    "invalid_request",
    { field, message, ...(column ? { column } : {}) },
  ];
  expect(await detail({ starts_at: "2027-09-02T13:00Z" })).toEqual(
    bad("starts_at", "write a local time like 2026-09-02T13:00, without an offset"),
  );
  expect(await detail({ starts_at: "2027-09-02T13:00+02:00" })).toEqual(
    bad("starts_at", "write a local time like 2026-09-02T13:00, without an offset"),
  );
  expect(await detail({ time_zone: "+02:00" })).toEqual(
    bad("time_zone", "this zone is not known; write a name like Europe/Paris"),
  );
  expect(await detail({ rrule: "FREQ=WEEKLY;DTSTART=1" })).toEqual(
    bad("rrule", expect.stringContaining("write the start in starts_at"), 13),
  );
  expect(await detail({ where: "gpu ==" })).toMatchObject([400, "invalid_request", { field: "where" }]);
  expect(await detail({ on_conflict: "maybe" })).toMatchObject([
    400,
    "invalid_request",
    { field: "on_conflict" },
  ]);
  expect(await detail({ wait: 5 })).toEqual(bad("wait", "unknown field"));
  expect(await detail({ username: "root" })).toMatchObject([400, "invalid_request", { field: "username" }]);
  const from = await ask("DELETE", "/series/none?from=2027-09-02T13:00", undefined, as("una"));
  expect([from.status, from.body.details[0].field]).toEqual([400, "from"]);
});

test("POST /series: 409 with each occurrence that can't be and the nearest starts, or 201 without them", async () => {
  const other = await make(
    { username: "bob", count: 2, rrule: "FREQ=DAILY;COUNT=1", starts_at: local(3, "12:45") },
    "admin",
  );
  const { status, body: refused } = await make({ count: 2 });
  expect([status, refused.code, refused.error]).toEqual([
    409,
    "conflict",
    "1 of 5 occurrences can't be booked; change the series, or leave them out with on_conflict: skip",
  ]);
  const [{ starts_at: busy }] = other.body.occurrences;
  // An hour and a half before it, with its lead and the turnaround; or after it, with a lead.
  const nearest = [-92, 92].map((minutes) => new Date(Date.parse(busy) + minutes * 60_000).toISOString());
  const startsAt = new Date(Date.parse(busy) + 15 * 60_000).toISOString();
  expect(refused.details).toEqual([
    {
      field: "occurrences",
      message: `${local(3, "13:00")} in Europe/Paris (${startsAt}): 2 requested, 1 free at that time`,
      starts_at: startsAt,
      nearest,
    },
  ]);
  const skipped = await make({ count: 2, on_conflict: "skip" });
  expect([skipped.status, skipped.body.occurrences.length, skipped.body.conflicts]).toEqual([
    201,
    4,
    [
      {
        starts_at: startsAt,
        local_time: local(3, "13:00"),
        reason: "2 requested, 1 free at that time",
        nearest,
      },
    ],
  ]);
  expect((await make({ count: 9 })).body.code).toBe("never_enough");
  const many = await make({ rrule: "FREQ=DAILY;COUNT=30" });
  expect([many.status, many.body.code, many.body.error]).toEqual([
    403,
    "limit_reached",
    "You may have 20 bookings at once, and you have 4; 30 more were requested",
  ]);
  expect((await make({}, "vera")).status).toBe(403);
});

test("503 while the database is away", async () => {
  const gone = openDatabase("mysql://root@localhost/none?socketPath=/nonexistent/socket");
  const cut = inProcess(app, { ...pool.deps, db: gone.db, side: gone.side, log: () => {} });
  for (const [method, path, sent] of [
    ["GET", "/series"],
    ["POST", "/series", body()],
    ["GET", "/series/none"],
    ["DELETE", "/series/none"],
  ] as const)
    expect([method, path, (await cut(method, path, sent, as("admin"))).status]).toEqual([method, path, 503]);
  await gone.close();
});

test("a dry run says what would be booked and what not, with the nearest starts; and changes nothing", async () => {
  const blocked = { rrule: "FREQ=DAILY;COUNT=1", starts_at: local(40, "13:00"), count: 3 };
  const block = await make(blocked, "ulf");
  expect(block.status).toBe(201);
  const asked = { starts_at: local(39, "13:00"), rrule: "FREQ=DAILY;COUNT=3" };
  const before = await pool.sql("SELECT COUNT(*) AS n FROM events");
  /** What the next event would be numbered. */
  const nextId = async () => {
    const { insertId } = (await pool.sql(
      "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (UTC_TIMESTAMP(3), '', '', '', 'x', '', '{}')",
    )) as unknown as { insertId: number };
    await pool.sql("DELETE FROM events WHERE id = ?", [insertId]);
    return insertId;
  };
  const id = await nextId();
  const known = (await ask("GET", "/series", undefined, as("admin"))).body.series.length;
  const dry = await ask("POST", "/series?dry_run=true", body(asked), as("una"));
  expect(dry.status).toBe(200);
  const locals = (all: { local_time: string }[]) => all.map(({ local_time }) => local_time);
  expect(locals(dry.body.occurrences)).toEqual([local(39, "13:00"), local(41, "13:00")]);
  expect(locals(dry.body.conflicts)).toEqual([local(40, "13:00")]);
  expect(dry.body.conflicts[0].nearest).toHaveLength(2);
  expect(dry.body.matching).toBe(3);
  expect(await pool.sql("SELECT COUNT(*) AS n FROM events")).toEqual(before);
  // Nor does it use up their numbers, which their readers would wait for.
  expect(await nextId()).toBe(id + 1);
  const all = async () => (await ask("GET", "/series", undefined, as("admin"))).body.series.length;
  expect(await all()).toBe(known);
  // The same is what becomes of it.
  const made = await make({ ...asked, on_conflict: "skip" });
  expect(locals(made.body.occurrences)).toEqual(locals(dry.body.occurrences));
  expect(made.body.next_starts_at).toBe(made.body.occurrences[0].starts_at);
  for (const { body: one } of [made, block]) await ask("DELETE", `/series/${one.id}`, undefined, as("admin"));
  expect((await ask("GET", `/series/${made.body.id}`, undefined, as("una"))).body.next_starts_at).toBeNull();
});
