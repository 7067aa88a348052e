// All lists page alike, and a reservation has the same shape everywhere. In process, on a real database.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import { createToken } from "../../pool/identity/tokens.ts";
import { createUser } from "../../pool/identity/users.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
const NO_LIMITS = { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null };
beforeAll(async () => {
  pool = await startStubPool(9);
  for (const name of ["ann", "bob", "cyd", "dan"]) {
    await createUser(pool.deps, name, "user", NO_LIMITS, null);
    await createToken(pool.deps, { user: name, name: "t" });
    await createToken(pool.deps, { user: name, name: "t" });
  }
  await pool.reserve("one", 2);
  await pool.reserve("two", 3);
});
afterAll(() => pool?.stop());

async function get(path: string, by: Record<string, string> = {}) {
  const { headers, ...answer } = await inProcess(app, pool.deps)("GET", path, undefined, by);
  return { ...answer, link: headers.get("link") };
}

/** How to find each list's rows in its response, and how to identify them. */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
const LISTS: [path: string, rows: (body: any) => unknown[]][] = [
  [
    "/available",
    ({ available, reserved, unavailable }) => [...available, ...reserved, ...unavailable].sort(),
  ],
  ["/machines", ({ machines }) => machines],
  [
    "/reservations",
    ({ reservations }) => reservations.map(({ time_remaining: _, ...row }: Record<string, unknown>) => row),
  ],
  ["/users", ({ users }) => users],
  ["/tokens", ({ tokens }) => tokens],
  ["/events", ({ events }) => events],
  ["/events?action=token.created", ({ events }) => events],
  ["/usage?by=day&from=2026-01-01T00:00Z&to=2026-01-06T00:00Z", ({ rows }) => rows],
];

for (const [path, rows] of LISTS)
  test(`${path}: page by page it is the same as all at once, and \`Link\` says what \`next\` does`, async () => {
    const whole = await get(path);
    expect([whole.status, whole.body.next, whole.link]).toEqual([200, undefined, null]);
    const all = rows(whole.body);
    expect(all.length).toBeGreaterThan(3);
    const paged: unknown[] = [];
    let pages = 0;
    for (let at: string | undefined = `${path}${path.includes("?") ? "&" : "?"}limit=2`; at; pages++) {
      const { status, link, body } = await get(at);
      expect(status).toBe(200);
      expect(rows(body).length).toBeLessThanOrEqual(2);
      paged.push(...rows(body));
      at = /^<([^>]+)>; rel="next"$/.exec(link ?? "")?.[1];
      expect(
        at === undefined ? undefined : (new URLSearchParams(at.split("?")[1]).get("cursor") as string),
      ).toBe(body.next);
    }
    expect(paged).toEqual(all);
    expect(pages).toBe(Math.ceil(all.length / 2));
  });

test("changes between two pages repeat no row and skip none", async () => {
  const first = (await get("/users?limit=2")).body;
  expect(first.users.map(({ name }: { name: string }) => name)).toEqual(["ann", "bob"]);
  for (const name of ["abe", "bea", "eve"]) await createUser(pool.deps, name, "user", NO_LIMITS, null);
  await pool.sql("DELETE FROM users WHERE name = 'bob'");
  const { users } = (await get(`/users?cursor=${first.next}`)).body;
  expect(users.map(({ name }: { name: string }) => name)).toEqual(["cyd", "dan", "eve"]);

  const newest = (await get("/events?limit=3")).body;
  await createUser(pool.deps, "new", "user", NO_LIMITS, null);
  const older = (await get(`/events?limit=1&cursor=${newest.next}`)).body.events;
  expect(older[0].id).toBe(newest.events[2].id - 1);
});

test("an invalid limit or cursor is a 400 that names it, and no cursor breaks a list", async () => {
  const made = (key: unknown) => Buffer.from(JSON.stringify(key)).toString("base64url");
  const others = await Promise.all(
    LISTS.slice(0, 6).map(async ([path]) => [path, (await get(`${path}?limit=1`)).body.next] as const),
  );
  const bad = [
    ["limit", ["0", "1001", "-1", "x", "1.5", ""]],
    ["cursor", ["", "%20", "a.b", "!", "abc", made({}), made([]), made([1]), made("x"), made(["x"])]],
  ] as const;
  for (const [path] of LISTS.slice(0, 6)) {
    for (const [field, values] of bad)
      for (const value of values) {
        const { status, body } = await get(`${path}?${field}=${value}`);
        const what = `${path}?${field}=${value} ${JSON.stringify(body)}`;
        expect([status, body.details?.[0].field, what]).toEqual([400, field, what]);
      }
    for (const [other, cursor] of others) {
      const { status, body } = await get(`${path}?cursor=${cursor}`);
      expect([path, other, status]).toEqual([path, other, path === other ? 200 : 400]);
      if (path !== other) expect(body.error).toBe("cursor: is not a cursor from this list");
    }
    for (const part of [
      "",
      "💥",
      "\ud800",
      "\u0000",
      "1e999",
      "-1",
      "+275760-09-13T00:00:00.000Z",
      "-271821-04-20",
    ])
      for (const length of [1, 2, 3]) {
        const { status } = await get(`${path}?cursor=${made([path, ...Array(length).fill(part)])}`);
        expect(status, `${path} ${part} × ${length}`).toBeOneOf([200, 400]);
      }
  }
});

test("a reservation of many machines shortens a page rather than making it enormous", async () => {
  // 250 machines held by one reservation: 250 rows of 250 places each.
  const [{ id }] = (await get("/reservations?limit=1")).body.reservations;
  await pool.sql(
    "INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, state, since, reservation_id, generation, last_used_at, probed_at, swept_at, sweep_at, created_at) " +
      "SELECT UUID(), CONCAT('many-', seq), 'h', CONCAT('many-', seq), 1, 'root', 'pool_key', '', '{}', 'reserved', UTC_TIMESTAMP(3), ?, 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM seq_1_to_250",
    [id],
  );
  await pool.sql(
    "INSERT INTO holds (id, reservation_id, machine_id, machine_name, slot, claimed_at) SELECT UUID(), ?, id, name, 10 + SUBSTRING(name, 6), UTC_TIMESTAMP(3) FROM machines WHERE name LIKE 'many-%'",
    [id],
  );
  const names: string[] = [];
  let pages = 0;
  for (let at: string | undefined = "/reservations"; at; pages++) {
    const { body } = await get(at);
    names.push(...body.reservations.map(({ machine }: { machine: string }) => machine));
    at = body.next && `/reservations?cursor=${body.next}`;
  }
  expect([pages, names.length, new Set(names).size]).toEqual([2, 255, 255]);
  for (const [table, column] of [
    ["holds", "machine_name"],
    ["machines", "name"],
  ])
    await pool.sql(`DELETE FROM ${table} WHERE ${column} LIKE 'many-%'`);
});

test("a reservation has the same shape in the list, on its own, and for its owner", async () => {
  const [{ id: userId }] = await pool.sql("SELECT id FROM users WHERE name = 'ann'");
  // Confirming takes more than one statement; this makes sure that the clock moves on between them.
  await pool.sql("CREATE TRIGGER slow AFTER UPDATE ON reservations FOR EACH ROW DO SLEEP(0.01)");
  const { id } = await pool.reserve("anns", 1, userId);
  await pool.sql("DROP TRIGGER slow");
  const one = (await get(`/reservations/${id}`)).body;
  expect(one).toMatchObject({ user: "ann", username: "anns", state: "active", reason: null });
  expect(one.reserved_until).toBe(one.ends_at);
  const { token } = await createToken(pool.deps, { user: "ann", name: "own" });
  expect((await get(`/reservations/${id}`, { Authorization: `Bearer ${token}` })).body).toEqual(one);
  const [[row], [reserved]] = await Promise.all([
    get("/reservations").then(({ body }) => body.reservations.filter((row: { id: string }) => row.id === id)),
    pool.sql("SELECT created_at, ends_at FROM reservations WHERE id = ?", [id]),
  ]);
  expect(row).toEqual({
    ...one,
    ...one.machines[0],
    expiration_time: one.ends_at,
    time_remaining: expect.stringMatching(/^\d\.\d minutes remaining$/),
  });
  expect([reserved.ends_at.toISOString(), one.duration_minutes]).toEqual([one.ends_at, 1]);
  // Its time started when the accounts existed, and is a minute exactly.
  const began = Date.parse(one.starts_at);
  expect(began).toBeGreaterThanOrEqual(reserved.created_at.getTime());
  expect(Date.parse(one.ends_at) - began).toBe(60_000);
  const { body: machine } = await get(`/machines/${row.machine}`);
  expect(machine.reservation_ends_at).toBe(one.ends_at);
  expect([machine.since, machine.reserved_until]).toEqual([machine.state_changed_at, one.ends_at]);

  await pool.sql("UPDATE reservations SET starts_at = '2026-01-02 03:04:05.678' WHERE id = ?", [id]);
  expect((await get(`/reservations/${id}`)).body.starts_at).toBe("2026-01-02T03:04:05.678Z");
  // A deleted user is no longer named.
  await pool.sql("DELETE FROM users WHERE name = 'ann'");
  expect((await get(`/reservations/${id}`)).body.user).toBeNull();
});

test("GET /machines?where= has the machines that a label expression means, by pages", async () => {
  await pool.sql("UPDATE machines SET labels = '{\"gpu\":\"\"}' WHERE name IN ('stub-2', 'stub-5')");
  const all: string[] = [];
  let cursor = "";
  for (let pages = 0; pages < 4; pages++) {
    const { status, body } = await get(`/machines?where=gpu&limit=2${cursor && `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    all.push(...body.machines.map(({ name }: { name: string }) => name));
    cursor = body.next ?? "";
    if (cursor === "") break;
  }
  expect(all).toEqual(["stub-2", "stub-5"]);
  expect((await get("/machines?where=gpu%20%26%26")).body).toMatchObject({
    code: "invalid_request",
    details: [{ field: "where", column: 7 }],
  });
});

test("GET /machines?changed_since= has those that have entered their state since then", async () => {
  const before = new Date(Date.now() - 3600_000).toISOString();
  await pool.sql("UPDATE machines SET since = '2026-01-01 00:00:00.000' WHERE name <> 'stub-3'");
  const { body } = await get(`/machines?changed_since=${before}`);
  expect(body.machines.map(({ name }: { name: string }) => name)).toEqual(["stub-3"]);
  expect((await get("/machines?changed_since=yesterday")).body.details[0].field).toBe("changed_since");
});

test("GET /reservations?state= has each reservation once, the newest first, also those that are over", async () => {
  await createUser(pool.deps, "zoe", "user", NO_LIMITS, null);
  const [{ id: userId }] = await pool.sql("SELECT id FROM users WHERE name = 'zoe'");
  const own = await createToken(pool.deps, { user: "zoe", name: "t" });
  const zoe = { Authorization: `Bearer ${own.token}` };
  const ids = [(await pool.reserve("zoes", 1, userId)).id];
  const release = (id: string) => inProcess(app, pool.deps)("DELETE", `/reservations/${id}`);
  const idsOf = async (query: string, by?: Record<string, string>) => {
    const { status, body } = await get(`/reservations?${query}`, by);
    expect([query, status]).toEqual([query, 200]);
    return body.reservations.map(({ id }: { id: string }) => id);
  };
  const two = (await get("/reservations?state=active&limit=2")).body;
  expect(two.reservations[0]).toMatchObject({ id: ids[0], user: "zoe", machines: [{ slot: "node1" }] });
  // The reservation of many machines is one row, too.
  const all = await idsOf("state=active");
  expect(new Set(all).size).toBe(all.length);
  await release(ids[0] as string);
  expect(await idsOf("state=ended,failed", zoe)).toEqual(ids);
  expect(await idsOf("user=zoe")).toEqual(ids);
  expect(await idsOf("user=zoe&state=active")).toEqual([]);
  expect(await idsOf("user=nobody")).toEqual([]);
  // Others' names tell a user nothing.
  expect(await idsOf("user=bob", zoe)).toEqual([]);
  ids.unshift((await pool.reserve("zoes", 1, userId)).id);
  await release(ids[0] as string);
  const paged: string[] = [];
  for (let at = "/reservations?state=ended&user=zoe&limit=1"; at; ) {
    const { body, link } = await get(at);
    paged.push(...body.reservations.map(({ id }: { id: string }) => id));
    at = /^<([^>]+)>; rel="next"$/.exec(link ?? "")?.[1] ?? "";
  }
  expect(paged).toEqual(ids);
  for (const query of ["state=none", "state=", "state=active,", "state=active&state=ended"])
    expect((await get(`/reservations?${query}`)).status, query).toBe(400);
  // The cursors of both lists differ.
  expect((await get(`/reservations?cursor=${two.next}`)).status).toBe(400);
  const { next } = (await get("/reservations?limit=1")).body;
  expect((await get(`/reservations?state=active&cursor=${next}`)).status).toBe(400);
});

test("a list of each reservation collects no password", async () => {
  const [{ id: userId }] = await pool.sql("SELECT id FROM users WHERE name = 'zoe'");
  const { token } = await createToken(pool.deps, { user: "zoe", name: "list" });
  const zoe = { Authorization: `Bearer ${token}` };
  const { id } = await pool.reserve("zoes", 1, userId);
  await pool.sql("UPDATE reservations SET start_told = FALSE, password_made = TRUE WHERE id = ?", [id]);
  for (const query of ["state=active", "user=zoe&state=active", `id=${id}`])
    expect(
      (await get(`/reservations?${query}`, zoe)).body.reservations.map((one: { id: string }) => one.id),
    ).toEqual([id]);
  expect((await get(`/reservations/${id}`, zoe)).body.password).toMatch(/./);
});
