// GET /usage over the wire: JSON and CSV, who may, and what is refused. tests/pool/usage checks the numbers.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import { csvOf } from "../../http/formats/csv.ts";
import { createToken } from "../../pool/identity/tokens.ts";
import { createUser } from "../../pool/identity/users.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-this-test";
let pool: StubPool;
let ask: ReturnType<typeof inProcess>;
const tokens: Record<string, string> = { admin: ADMIN };
const get = (path: string, headers: Record<string, string> = {}, who = "admin") =>
  ask("GET", path, undefined, { Authorization: `Bearer ${tokens[who]}`, ...headers });

beforeAll(async () => {
  pool = await startStubPool(3, { ADMIN_TOKEN: ADMIN });
  ask = inProcess(app, pool.deps);
  const limits = { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null };
  for (const [name, role] of [
    ["ada", "admin"],
    ["una", "user"],
    ["vera", "viewer"],
  ] as const) {
    await createUser(pool.deps, name, role, limits, null);
    tokens[name] = (await createToken(pool.deps, { user: name, name: "t" })).token;
  }
  const [{ id }] = await pool.sql("SELECT id FROM users WHERE name = 'una'");
  await pool.reserve("one", 2, id);
  await pool.reserve("two");
  await pool.sql(`UPDATE machines SET labels = '{"rack": "=1+1"}' WHERE name = 'stub-1'`);
  await pool.sql(`UPDATE machines SET labels = '{"rack": "a, \\\\"b\\\\""}' WHERE name = 'stub-2'`);
  // They began an hour ago.
  const ago = (column: string) => `${column} = ${column} - INTERVAL 60 MINUTE`;
  await pool.sql(
    `UPDATE reservations SET ${ago("created_at")}, ${ago("starts_at")}, ends_at = ends_at + INTERVAL 90 MINUTE`,
  );
  await pool.sql(`UPDATE holds SET ${ago("claimed_at")}, ${ago("confirmed_at")}`);
});
afterAll(() => pool?.stop());

test("by user, by itself of the last 30 days: with the whole, and what it is about", async () => {
  const { status, body, headers } = await get("/usage");
  expect(status).toBe(200);
  expect(Date.parse(body.to) - Date.parse(body.from)).toBe(30 * 24 * 3_600_000);
  const measured = { held_hours: expect.closeTo(1, 1), reservations: 1, failed: 0, removals: 0 };
  expect(body).toMatchObject({
    by: "user",
    label: null,
    history_from: null,
    total: { machine_hours: expect.closeTo(3, 1), reservations: 2, removal_median_seconds: null },
    failures: [],
    rows: [
      { user: null, username: "two", machine_hours: expect.closeTo(1, 1), ...measured },
      { user: "una", username: null, machine_hours: expect.closeTo(2, 1), held_hours: expect.closeTo(2, 1) },
    ],
  });
  expect(Object.keys(body.rows[0])).not.toContain("pool_hours");
  expect(headers.get("vary")).toContain("Accept");
});

test("by label and by day", async () => {
  const byLabel = (await get("/usage?by=label&label=rack")).body;
  expect(byLabel.rows.map(({ value }: { value: string }) => value)).toEqual([null, "=1+1", 'a, "b"']);
  const byDay = (await get("/usage?by=day")).body;
  expect(byDay.rows.length).toBeOneOf([30, 31]);
  expect(byDay.rows.at(-1)).toMatchObject({ day: byDay.to.slice(0, 10), pool_hours: expect.any(Number) });
});

test("as CSV, by `format` or by Accept: all rows, safe for spreadsheets", async () => {
  const { status, headers, body } = await get("/usage?by=label&label=rack&format=csv");
  expect([status, headers.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
  expect(headers.get("content-disposition")).toMatch(
    /^attachment; filename="usage-by-label-[\d-]+-to-[\d-]+\.csv"$/,
  );
  const lines = body.split("\r\n");
  expect(lines[0]).toBe(
    "value,machine_hours,held_hours,reservations,failed,wait_median_seconds,wait_p95_seconds,removals,removal_median_seconds,removal_p95_seconds",
  );
  expect(lines[1]).toMatch(/^,1(\.\d+)?,/);
  expect(lines[2]).toStartWith(`"'=1+1",`);
  expect(lines[3]).toStartWith('"a, ""b""",');
  expect([lines.length, lines[4]]).toEqual([5, ""]);
  for (const [accept, type] of [
    ["text/csv", "text/csv"],
    ["application/json, text/csv;q=0.5", "application/json"],
    ["*/*", "application/json"],
    ["text/csv;q=0", "application/json"],
  ] as const)
    expect((await get("/usage", { Accept: accept })).headers.get("content-type")).toStartWith(type);
  expect((await get("/usage?format=json", { Accept: "text/csv" })).body.by).toBe("user");
  const byUser = await get("/usage", { Accept: "text/csv" });
  expect(byUser.body).toContain("\r\nuna,,2");
});

test("no field of CSV is a formula or ends its line, whatever is in it", () => {
  const evil = [
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    'a"b',
    "a\r\nb",
    "a,b",
  ];
  expect(csvOf(["x", "n"], [...evil.map((x) => ({ x, n: -1 })), { x: null, n: true }])).toBe(
    [
      "x,n",
      `"'=cmd|'/c calc'!A1",-1`,
      `"'+1",-1`,
      `"'-1",-1`,
      `"'@SUM(A1)",-1`,
      `"'\t=1",-1`,
      `"'\r=1",-1`,
      `"'\n=1",-1`,
      `"'＝1",-1`,
      `"a""b",-1`,
      `"a\r\nb",-1`,
      `"a,b",-1`,
      ",true",
      "",
    ].join("\r\n"),
  );
});

test("what can't be is refused, with the field", async () => {
  const refused = async (query: string) => {
    const { status, body } = await get(`/usage?${query}`);
    return [status, body.details?.[0].field];
  };
  const field = async (query: string) => expect([query, ...(await refused(query))]);
  (await field("by=month")).toEqual(["by=month", 400, "by"]);
  (await field("by=label")).toEqual(["by=label", 400, "label"]);
  (await field("label=gpu")).toEqual(["label=gpu", 400, "label"]);
  (await field("format=xml")).toEqual(["format=xml", 400, "format"]);
  (await field("from=yesterday")).toEqual(["from=yesterday", 400, "from"]);
  (await field("from=2020-01-01T00:00Z")).toEqual(["from=2020-01-01T00:00Z", 400, "from"]);
  (await field("from=2099-01-01T00:00Z")).toEqual(["from=2099-01-01T00:00Z", 400, "from"]);
  const back = "from=2026-01-02T00:00Z&to=2026-01-01T00:00Z";
  (await field(back)).toEqual([back, 400, "to"]);
  (await field("format=csv&limit=5")).toEqual(["format=csv&limit=5", 400, "limit"]);
  (await field("user=una")).toEqual(["user=una", 400, "user"]);
});

test("only admins may: others would learn who does what", async () => {
  for (const [who, expected] of [
    ["ada", 200],
    ["una", 403],
    ["vera", 403],
  ] as const)
    expect([
      who,
      (await get("/usage", {}, who)).status,
      (await get("/usage?format=csv", {}, who)).status,
    ]).toEqual([who, expected, expected]);
});
