// What a request leaves behind: a line in the log, and a record of every refusal, within limits.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../config.ts";
import { build } from "../../deps.ts";
import { actingAs } from "../../pool/audit/deps.ts";
import { recordRefusal } from "../../pool/audit/refusals.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, fromProxy, PROXY_SECRET } from "../support/program.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const ADMIN = "the-admins-own-token";
let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(0, { apis: 2, settings: { ADMIN_TOKEN: ADMIN, LOG_LEVEL: "debug", PROXY_SECRET } });
});
afterAll(() => pool.stop());

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const ask = (method: string, path: string, token = ADMIN, headers = {}, body?: unknown) =>
  call(pool.api, method, path, body, fromProxy({ ...bearer(token), ...headers }));
const recorded = () => pool.sql("SELECT * FROM events WHERE action = 'request.refused' ORDER BY id");
const lines = () =>
  pool.api
    .log()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

test("each request is a line in the log, under the id that nginx gave it, without its query", async () => {
  await ask("GET", "/machines", ADMIN, { "X-Request-Id": "request-0001", "X-Forwarded-For": "192.0.2.1" });
  await ask("GET", "/reserve?username=ann&password=not-in-the-log&count=7", ADMIN, {
    "X-Request-Id": "request-0002",
  });
  await ask("GET", "/readyz", "", {});
  await until("they are there", 5000, () => lines().filter(({ event }) => event === "request").length >= 3);
  const of = (id: string) => lines().find(({ request }) => request === id);
  expect(of("request-0001")).toMatchObject({
    level: "debug",
    event: "request",
    method: "GET",
    path: "/machines",
    status: 200,
    actor: "ADMIN_TOKEN",
    address: "192.0.2.1",
    ms: expect.any(Number),
  });
  expect(of("request-0002")).toMatchObject({
    level: "info",
    path: "/reserve",
    status: 409,
    code: "never_enough",
  });
  expect(pool.api.log()).not.toContain("not-in-the-log");
});

test("a refusal is recorded: who, what, from where", async () => {
  const guess = "mm_guess-guess-guess-guess";
  await ask("POST", "/users", ADMIN, {}, { name: "vic", role: "viewer" });
  const { token } = (await ask("POST", "/tokens", ADMIN, {}, { user: "vic", name: "t" })).body;
  expect((await ask("GET", "/machines?x=secret", guess, { "X-Forwarded-For": "192.0.2.9" })).status).toBe(
    401,
  );
  expect((await ask("POST", "/machines", token, { "X-Request-Id": "request-0003" }, {})).status).toBe(403);
  await until("both are recorded", 5000, async () => (await recorded()).length === 2);
  const [first, second] = (await ask("GET", "/events?action=request.refused")).body.events.reverse();
  expect(first).toMatchObject({
    actor: "nobody",
    address: "192.0.2.9",
    object: "GET /machines",
    details: { status: 401, code: "unauthorized" },
  });
  expect(second).toMatchObject({
    actor: "vic/t",
    request_id: "request-0003",
    object: "POST /machines",
    details: { status: 403, code: "forbidden" },
  });
  expect(pool.api.log()).not.toContain(guess);
  // Only refusals are recorded.
  await ask("GET", "/machines/none");
  await ask("GET", "/machines?x=y");
  expect(await recorded()).toHaveLength(2);
});

test("a refusal doesn't add a second line to nginx's in the log; other errors do", async () => {
  await ask("GET", "/machines", "mm_a-guess", { "X-Request-Id": "request-0004" });
  await ask("GET", "/machines/none", ADMIN, { "X-Request-Id": "request-0005" });
  const of = (id: string) => lines().find(({ request }) => request === id);
  await until("both are there", 5000, () => of("request-0004") && of("request-0005"));
  expect(of("request-0004")).toMatchObject({ level: "debug", status: 401 });
  expect(of("request-0005")).toMatchObject({ level: "info", status: 404 });
});

test("what was not recorded is summed up when the minute is over, even if nobody else is refused", async () => {
  await pool.sql("DELETE FROM events");
  const script = `
    const { recordRefusal } = await import("${import.meta.dir}/../../pool/audit/refusals.ts");
    let due = () => {};
    globalThis.setTimeout = (work) => ((due = work), { unref() {} });
    const rows = [];
    const deps = { actor: { name: "nobody", address: "192.0.2.1", requestId: "" }, db: { insert: () => ({ values: async (row) => rows.push(row) }) } };
    for (let n = 0; n < 33; n++) await recordRefusal(deps, "GET /x", { status: 401, code: "x" }, 1);
    due();
    await Bun.sleep(0);
    console.log(JSON.stringify(rows.at(-1).details));`;
  const out = await Bun.$`bun -e ${script}`.text();
  expect(JSON.parse(out)).toEqual({ count: 3, addresses: [{ address: "192.0.2.1", count: 3 }] });
});

test("many refusals don't fill the disk, and their number is not lost", async () => {
  const flood = { url: (pool.apis[1] ?? pool.api).url };
  await pool.sql("DELETE FROM events");
  for (let n = 0; n < 10; n++)
    await Promise.all(Array.from({ length: 20 }, () => call(flood, "GET", "/machines")));
  const seen = () => (pool.apis[1]?.log().match(/"event":"request"/g) ?? []).length;
  await until("all are over", 5000, () => seen() === 200);
  await until("30 are recorded", 5000, async () => (await recorded()).length >= 30);
  expect(await recorded()).toHaveLength(30);
  // The same with a fake clock: a limit per address, and one in all.
  const deps = build(readConfig(pool.settings));
  const refuse = (address: string, at: number) =>
    recordRefusal(
      actingAs(deps, { name: "nobody", address, requestId: "" }),
      "GET /x",
      { status: 401, code: "x" },
      at,
    );
  await pool.sql("DELETE FROM events");
  for (let n = 0; n < 100; n++) await refuse("192.0.2.1", 1000 + n);
  expect(await recorded()).toHaveLength(30);
  // A flood doesn't hide others.
  await refuse("192.0.2.2", 2000);
  expect((await recorded()).at(-1)).toMatchObject({ address: "192.0.2.2" });
  for (let n = 0; n < 400; n++) await refuse(`2001:db8:0:${n.toString(16)}::1`, 3000);
  expect(await recorded()).toHaveLength(300);
  // One event sums up the rest.
  await refuse("192.0.2.3", 61_000);
  const [left] = await pool.sql("SELECT * FROM events WHERE action = 'requests.unrecorded'");
  expect(left).toMatchObject({ actor: "nobody", object: "requests" });
  expect(left.details.count).toBe(70 + 131);
  expect(left.details.addresses[0]).toEqual({ address: "192.0.2.1", count: 70 });
  expect(left.details.addresses).toHaveLength(20);
  expect(left.details.of_others).toBe(131 - 19);
  await deps.database.close();
});
