// What a request may say of time and machines, by HTTP, on a real database and fake machines.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import { MachineFault } from "../../pool/accounts/faults.ts";
import { planDue, planOnChange } from "../../pool/reservations/schedule/planner.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
let ask: ReturnType<typeof inProcess>;
beforeAll(async () => {
  pool = await startStubPool(3);
  ask = inProcess(app, pool.deps);
  planOnChange(pool.deps);
});
afterAll(() => pool?.stop());
beforeEach(async () => {
  for (const { id } of await pool.sql("SELECT id FROM reservations WHERE ended_at IS NULL"))
    await ask("DELETE", `/reservations/${id}`);
});

const reserve = (more: Record<string, unknown> = {}, query = "") =>
  ask("POST", `/reservations${query}`, { username: "ann", ...more });
const names = ({ machines }: { machines: { machine: string }[] }) => machines.map(({ machine }) => machine);

test("`machines` alone sets the count; a name that is there twice counts once", async () => {
  const two = ["stub-1", "stub-2"];
  expect(names((await reserve({ machines: two })).body)).toEqual(two);
  expect((await reserve({ machines: ["stub-3", "stub-3"] }, "?dry_run=true")).body.machines).toEqual([
    "stub-3",
  ]);
  // One that isn't there can't be had, and is not left out silently.
  expect((await reserve({ machines: ["stub-3", "stub-9"] }, "?dry_run=true")).body).toMatchObject({
    matching: 1,
    starts_at: null,
    reason: "2 requested, 1 match; not in the pool, or drained: 'stub-9'",
  });
  expect((await reserve({ machines: ["stub-3", "stub-9"] })).body).toMatchObject({
    code: "never_enough",
    details: [
      { field: "count" },
      { field: "machines", message: "'stub-9' is not in the pool, or is drained" },
    ],
  });
  const rule = {
    rrule: "FREQ=DAILY;COUNT=1",
    starts_at: "2099-01-01T13:00",
    time_zone: "UTC",
    machines: two,
  };
  const series = await ask("POST", "/series", { username: "ann", ...rule });
  expect([series.status, series.body.count]).toEqual([201, 2]);
  // A count beside it: some of them.
  expect((await reserve({ machines: ["stub-2", "stub-3"], count: 1 })).body.machines).toHaveLength(1);
});

/** An instant so many minutes from now. */
const ahead = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
const detailOf = ({ status, body }: Awaited<ReturnType<typeof ask>>) => [status, body.details?.[0]];

test("times that no database can store are refused, or are no end", async () => {
  const late = "9999-12-31T23:59:59-23:59";
  const early = "0000-01-01T00:00:00%2B23:59";
  const series = (rrule: string) =>
    ask("POST", "/series", {
      username: "ann",
      rrule,
      starts_at: "2026-09-02T13:00",
      time_zone: "UTC",
      count: 1,
    });
  for (const rrule of ["FREQ=WEEKLY;UNTIL=99991231T235959Z", "FREQ=YEARLY;INTERVAL=1000;COUNT=10"]) {
    const { status, body } = await series(rrule);
    expect([rrule, status, body.ends_at]).toEqual([rrule, 201, null]);
    const path = `/series/${body.id}`;
    for (const from of [late, early])
      expect([from, ...detailOf(await ask("DELETE", `${path}?from=${from}`))]).toEqual([
        from,
        400,
        { field: "from", message: "must lie in the years 1970 to 9998" },
      ]);
    expect((await ask("DELETE", path)).status).toBe(200);
  }
  expect(detailOf(await ask("GET", `/calendar?from=${late}`))).toMatchObject([400, { field: "from" }]);
});

test("GET /reserve that holds the line: an error when it can't start any more, as without waiting", async () => {
  const full = (await reserve({ count: 3 })).body;
  const hold = async () => {
    const answer = ask("GET", "/reserve?username=ben&wait=90");
    const [{ id }] = await until("it waits", 10_000, async () => {
      const { queue } = (await ask("GET", "/queue")).body;
      return queue.length === 1 ? (queue as [{ id: string }]) : undefined;
    });
    return { id, codeOf: async () => [(await answer).status, (await answer).body.code] };
  };
  const released = await hold();
  await ask("DELETE", `/reservations/${released.id}`);
  expect(await released.codeOf()).toEqual([503, "reservation_lost"]);

  const over = await hold();
  await pool.sql("UPDATE reservations SET wait_until = UTC_TIMESTAMP(3) WHERE id = ?", [over.id]);
  await planDue(pool.deps);
  expect(await over.codeOf()).toEqual([409, "not_enough_machines"]);

  const refused = await hold();
  for (const port of [1, 2, 3])
    pool.creates.set(port, () => {
      throw new MachineFault("foreign_account", "ben is somebody else");
    });
  await ask("DELETE", `/reservations/${full.id}`);
  await planDue(pool.deps);
  expect(await refused.codeOf()).toEqual([409, "username_taken"]);
  pool.creates.clear();
});

test("?wait responds when it has started, with its password, not while its accounts are being made", async () => {
  const full = (await reserve({ count: 3 })).body;
  const { id } = (await reserve({ wait: 90 })).body;
  const { create } = pool.deps.accounts;
  const made = Promise.withResolvers<void>();
  pool.deps.accounts.create = async (...all) => {
    await made.promise;
    return create(...all);
  };
  const answer = ask("GET", `/reservations/${id}?wait=20`);
  await ask("DELETE", `/reservations/${full.id}`);
  const state = async () => (await pool.sql("SELECT state FROM reservations WHERE id = ?", [id]))[0].state;
  await until("its accounts are being made", 10_000, async () => (await state()) === "preparing");
  // Nobody is told that it has started, and all are told how to hear of it.
  expect((await ask("GET", `/reservations/${id}`)).body).toMatchObject({
    state: "preparing",
    message: expect.stringContaining(`Being prepared; GET /reservations/${id}?wait=60`),
  });
  // Longer than it takes until the change is seen.
  await Promise.race([answer, Bun.sleep(600)]);
  made.resolve();
  expect((await answer).body).toMatchObject({ state: "active", password: expect.any(String) });
  // Whoever asks only after the start doesn't wait for another change, with a password of their own neither.
  let before = id;
  for (const [username, password] of [["ben"], ["ida", "a password of mine"]]) {
    const other = (await reserve({ username, password, machines: ["stub-1", "stub-2", "stub-3"], wait: 90 }))
      .body;
    await ask("DELETE", `/reservations/${before}`);
    await until("it has started", 10_000, async () => {
      const [row] = await pool.sql("SELECT state FROM reservations WHERE id = ?", [other.id]);
      return row.state === "active";
    });
    const since = performance.now();
    const { body } = await ask("GET", `/reservations/${other.id}?wait=60`);
    expect(body).toMatchObject({ state: "active", ...(password ? {} : { password: expect.any(String) }) });
    expect(body.password === undefined).toBe(password !== undefined);
    expect(performance.now() - since).toBeLessThan(30_000);
    before = other.id;
  }
  pool.deps.accounts.create = create;
});

test("GET /queue and GET /calendar: all of it page by page; names of others only for admins", async () => {
  const tokens: Record<string, string> = {};
  for (const [name, role] of [
    ["una", "user"],
    ["ulf", "user"],
    ["vera", "viewer"],
  ] as const) {
    expect((await ask("POST", "/users", { name, role })).status).toBe(201);
    tokens[name] = (await ask("POST", "/tokens", { user: name, name: "t" })).body.token;
  }
  const as = (who: string, method: string, path: string, body?: unknown) =>
    ask(method, path, body, who === "admin" ? {} : { Authorization: `Bearer ${tokens[who]}` });
  const make = async (who: string, more: Record<string, unknown>) =>
    (await as(who, "POST", "/reservations", { username: who, ...more })).body.id as string;
  const held = await make("una", { machines: ["stub-1", "stub-2"] });
  const booked = await make("ulf", { count: 1, machines: ["stub-3"], starts_at: ahead(100), duration: 30 });
  const waits = [];
  for (const [who, priority] of [
    ["ulf", 0],
    ["una", 0],
    ["admin", 5],
    ["ulf", 0],
  ] as const)
    waits.push(await make(who, { count: 3, wait: 900, ...(priority ? { username: "ann", priority } : {}) }));
  const [ulf, una, ann, last] = waits as [string, string, string, string];

  const queue = async (who: string) => (await as(who, "GET", "/queue")).body.queue;
  const all = await queue("admin");
  expect(all.map(({ id }: { id: string }) => id)).toEqual([ann, ulf, una, last]);
  const who = (rows: Record<string, unknown>[]) => rows.map(({ id, username, user }) => [id, username, user]);
  expect(who(all)).toEqual([
    [ann, "ann", null],
    [ulf, "ulf", "ulf"],
    [una, "una", "una"],
    [last, "ulf", "ulf"],
  ]);
  const hidden = [null, null, null];
  expect(who(await queue("una"))).toEqual([hidden, hidden, [una, "una", "una"], hidden]);
  expect(who(await queue("vera"))).toEqual([hidden, hidden, hidden, hidden]);
  const rest = (rows: Record<string, unknown>[]) =>
    rows.map(({ id: _, username: __, user: ___, ...row }) => row);
  expect(rest(await queue("vera"))).toEqual(rest(all));

  // From a minute on: without what the tests before had.
  const range = `from=${ahead(1)}&to=${ahead(7 * 24 * 60)}`;
  type Row = { machine: string; commitments: Record<string, unknown>[] };
  const calendar = async (who: string): Promise<Row[]> =>
    (await as(who, "GET", `/calendar?${range}`)).body.machines;
  const kinds = (rows: Row[]) =>
    rows.flatMap(({ machine, commitments }) =>
      commitments.map(({ kind, id }) => [machine, kind, ...(id ? [id] : [])].join(" ")),
    );
  const waiting = (machine: string) => [una, ulf, ann, last].map(() => `${machine} queue`);
  const seen = kinds(await calendar("una"));
  expect(seen.filter((one) => /hold|booking/.test(one))).toEqual([
    `stub-1 hold ${held}`,
    `stub-2 hold ${held}`,
    "stub-3 booking",
  ]);
  expect(
    seen.filter((one) => one.includes("queue")).map((one) => one.split(" ").slice(0, 2).join(" ")),
  ).toEqual(["stub-1", "stub-2", "stub-3"].flatMap(waiting));
  expect(seen.filter((one) => one.endsWith(una))).toHaveLength(3);
  expect(kinds(await calendar("admin"))).toContain(`stub-3 booking ${booked}`);

  for (const [path, key, size] of [
    ["/queue", "queue", 4],
    [`/calendar?${range}`, "machines", 3],
    [`/calendar?${range}&machines=stub-3,stub-1,stub-9`, "machines", 2],
  ] as const) {
    const whole = (await ask("GET", path)).body;
    expect([whole[key].length, whole.next]).toEqual([size, undefined]);
    const paged: unknown[] = [];
    for (let at: string | undefined = `${path}${path.includes("?") ? "&" : "?"}limit=1`; at; ) {
      const { headers, body } = await ask("GET", at);
      expect(body[key]).toHaveLength(1);
      paged.push(...body[key]);
      at = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    }
    expect(paged).toEqual(whole[key]);
  }
  for (const name of Object.keys(tokens)) await ask("DELETE", `/users/${name}`);
});

test("GET /calendar: some machines by name, and the series that an entry belongs to", async () => {
  const rule = { rrule: "FREQ=DAILY;COUNT=1", starts_at: ahead(24 * 60).slice(0, 16), time_zone: "UTC" };
  const { id } = (await ask("POST", "/series", { username: "ann", ...rule, machines: ["stub-2"] })).body;
  const range = `from=${ahead(23 * 60)}&to=${ahead(48 * 60)}`;
  const { machines } = (await ask("GET", `/calendar?${range}&machines=stub-3,stub-2`)).body;
  expect(machines).toMatchObject([
    { machine: "stub-2", commitments: [{ kind: "booking", series: id }] },
    { machine: "stub-3", commitments: [] },
  ]);
  for (const value of ["", "a,,b", "a b", Array(101).fill("a").join(",")]) {
    const refused = await ask("GET", `/calendar?machines=${encodeURIComponent(value)}`);
    expect(detailOf(refused)).toMatchObject([400, { field: "machines" }]);
  }
});

test("a bad value is refused with what would be a good one", async () => {
  const said = async (answer: ReturnType<typeof ask>) => {
    const [status, detail] = detailOf(await answer);
    return `${status} ${detail?.field}: ${detail?.message}`;
  };
  for (const value of ["1", "yes", "TRUE", ""])
    expect(await said(reserve({}, `?dry_run=${value}`))).toStartWith("400 dry_run: true or false");
  expect(await said(reserve({ replace: "yes" }))).toStartWith("400 replace: true or false");
  const extended = ask("POST", "/reservations/none/extend", { minutes: 5, at_most: 1 });
  expect(await said(extended)).toStartWith("400 at_most: true or false");
  expect(await said(reserve({ machines: [5] }))).toBe("400 machines.0: a name of up to 64 characters");
  expect(await said(reserve({ machines: [] }))).toContain("1 to 1000 names");
  expect(await said(reserve({ where: "a".repeat(1001) }))).toContain("up to 1000 characters");
});
