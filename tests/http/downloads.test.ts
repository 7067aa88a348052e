// GET /events by time, and as a file: all that match, page by page, and nothing half done without a word.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import type { Deps } from "../../deps.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(120_000);

let pool: StubPool;
let ask: ReturnType<typeof inProcess>;
const get = (path: string, headers: Record<string, string> = {}) => ask("GET", path, undefined, headers);
const EVIL = '=HYPERLINK("http://evil.example")';

/** So many events, a second apart, from noon on. */
const fill = (count: number, action: string, object: string, day: string) =>
  pool.sql(
    "INSERT INTO events (at, actor, address, request_id, action, object, details) " +
      `SELECT '${day} 12:00:00' + INTERVAL seq SECOND, 'filler', '', '', ?, ?, '{"n": 1}' FROM seq_0_to_${count - 1}`,
    [action, object],
  );

beforeAll(async () => {
  pool = await startStubPool(0);
  ask = inProcess(app, pool.deps);
  await fill(2500, "token.created", "many", "2026-01-01");
  await fill(3, "user.created", EVIL, "2026-01-03");
});
afterAll(() => pool?.stop());

// biome-ignore lint/suspicious/noExplicitAny: rows of every shape
const times = (events: any[]) => events.map(({ occurred_at }) => occurred_at.slice(11, 19));

test("only those of a time, by pages too", async () => {
  const from = "from=2026-01-01T12:00:10Z";
  const range = `${from}&to=2026-01-01T12:00:15Z`;
  const { body } = await get(`/events?${range}`);
  expect(times(body.events)).toEqual(["12:00:14", "12:00:13", "12:00:12", "12:00:11", "12:00:10"]);
  const first = (await get(`/events?${range}&limit=3`)).body;
  const rest = (await get(`/events?${range}&limit=3&cursor=${first.next}`)).body;
  expect([...first.events, ...rest.events]).toEqual(body.events);
  expect((await get("/events?to=2026-01-01T12:00:01Z")).body.events).toHaveLength(1);
  expect((await get("/events?from=2026-01-03T12:00:01Z")).body.events).toHaveLength(2);
  expect(
    (await get("/events?from=2026-01-02T00:00Z&to=2026-01-02T23:00Z&action=token.created")).body.events,
  ).toEqual([]);
  for (const bad of ["from=x", "to=2026-01-01", `to=2026-01-01T12:00:10Z&${from}`])
    expect([bad, (await get(`/events?${bad}`)).status]).toEqual([bad, 400]);
});

test("as JSON lines: each event as in the list", async () => {
  const { headers, body } = await get("/events?format=jsonl&object=many");
  expect(headers.get("content-type")).toBe("application/jsonl; charset=utf-8");
  expect(headers.get("content-disposition")).toBe('attachment; filename="events.jsonl"');
  const lines = body
    .trimEnd()
    .split("\n")
    .map((line: string) => JSON.parse(line));
  expect(lines).toHaveLength(2500);
  expect(new Set(lines.map(({ id }: { id: number }) => id)).size).toBe(2500);
  expect(lines.slice(0, 100)).toEqual((await get("/events?object=many")).body.events);
});

test("as CSV, safe for spreadsheets; by Accept, too", async () => {
  const query = `/events?object=${encodeURIComponent(EVIL)}`;
  const { body } = await get(query, { Accept: "text/csv" });
  const lines = body.split("\r\n");
  expect(lines[0]).toBe("id,occurred_at,actor,address,request_id,action,object,details");
  expect(lines[1]).toMatch(
    /^\d+,2026-01-03T12:00:02\.000Z,filler,,,user\.created,"'=HYPERLINK\(""http:\/\/evil\.example""\)","\{""n"":1\}"$/,
  );
  expect([lines.length, lines[4]]).toEqual([5, ""]);
  expect((await get(query, { Accept: "application/jsonl" })).headers.get("content-type")).toContain("jsonl");
  expect((await get(`${query}&format=csv&limit=1`)).body.details[0].field).toBe("limit");
  expect((await get(`${query}&format=csv&cursor=abc`)).body.details[0].field).toBe("cursor");
  expect((await get("/events?format=csv&object=none")).body.split("\r\n")).toHaveLength(2);
});

test("too many are refused, rather than cut off without a word", async () => {
  for (let n = 0; n < 4; n++) await fill(25_000, "login.failed", "too-many", `2026-02-0${n + 1}`);
  const all = await get("/events?format=jsonl&object=too-many");
  expect([all.status, all.body.split("\n").length]).toEqual([200, 100_001]);
  await fill(1, "login.failed", "too-many", "2026-02-07");
  const { status, body } = await get("/events?format=csv&object=too-many");
  expect([status, body.code, body.details[0].field]).toEqual([400, "invalid_request", "from"]);
});

test("a database that goes away in the middle breaks the file off, so that nobody takes it for whole", async () => {
  const { db } = pool.deps;
  let left = 3;
  const failing: Deps = {
    ...pool.deps,
    db: new Proxy(db, {
      get(target, name) {
        if (name === "select" && left-- <= 0) throw new Error("gone");
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  };
  await expect(inProcess(app, failing)("GET", "/events?format=jsonl&object=many")).rejects.toThrow();
  expect(left).toBeLessThan(0);
});
