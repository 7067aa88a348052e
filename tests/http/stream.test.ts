// GET /stream: what happens, as it happens; at two APIs on one real database.
import { afterAll, beforeAll, expect, jest, setDefaultTimeout, test } from "bun:test";
import { connect as createSocket } from "node:net";
import { createConnection } from "mysql2/promise";
import { events } from "../../db/schema/audit.ts";
import { streamOf } from "../../http/stream/stream.ts";
import { eventOf } from "../../pool/audit/events.ts";
import { OPEN_API, type Principal } from "../../pool/identity/principal.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "../support/program.ts";
import { logIn, withSession } from "../support/session.ts";
import { listen as read } from "../support/stream.ts";
import { startStubPool } from "../support/stub_pool.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-the-tests-0123456789";
let settings: Settings;
let apis: Program[];
beforeAll(async () => {
  settings = await newSettings({ ADMIN_TOKEN: ADMIN });
  apis = await Promise.all([startProgram(settings), startProgram(settings)]);
});
afterAll(() => Promise.all(apis.map((api) => api.stop("SIGKILL"))));

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const one = (n: number) => apis[n] as Program;
/** A second connection, for transactions that take their time. */
const connect = () => {
  const url = new URL(settings.DATABASE_URL);
  return createConnection({
    socketPath: url.searchParams.get("socketPath") ?? "",
    user: "root",
    database: url.pathname.slice(1),
    timezone: "Z",
  });
};

/** Reads a stream. @param lastId where it goes on */
const listen = (api: Program, token: string, lastId?: string) =>
  read(api, { headers: { ...bearer(token), ...(lastId ? { "Last-Event-ID": lastId } : {}) } });

let users = 0;
const makeUser = async (api: Program, role = "user") => {
  const name = `sue${++users}`;
  const { status } = await call(api, "POST", "/users", { name, role }, bearer(ADMIN));
  expect(status).toBe(201);
  return name;
};
async function makeToken(name: string): Promise<{ id: string; token: string }> {
  const { status, body } = await call(one(0), "POST", "/tokens", { user: name, name: "t" }, bearer(ADMIN));
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body;
}

test("a change at one API is told at the other within a second", async () => {
  const stream = listen(one(1), ADMIN);
  await stream.ready();
  // A busy machine may be late: one of three is enough.
  const late: number[] = [];
  for (let tries = 0; tries < 3; tries++) {
    const name = await makeUser(one(0));
    const committed = performance.now();
    await until("it was told", 5000, () => stream.objects().includes(name));
    const told = stream.messages.find(({ data }) => data.object === name);
    expect(told?.data).toMatchObject({ action: "user.created", actor: "ADMIN_TOKEN", object: name });
    late.push((told?.at ?? 0) - committed);
  }
  expect(Math.min(...late)).toBeLessThan(1000);
  await stream.stop();
});

const INSERT =
  "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (UTC_TIMESTAMP(3), 'eve', '', '', 'machine.registered', ?, '{}')";

test("slow transactions: each event once, also for whoever goes on at another API in the middle", async () => {
  const slow = await connect();
  const undone = await connect();
  const whole = listen(one(0), ADMIN);
  const first = listen(one(0), ADMIN);
  await Promise.all([whole.ready(), first.ready()]);
  await slow.beginTransaction();
  await slow.query(INSERT, ["slow-1"]);
  await undone.beginTransaction();
  await undone.query(INSERT, ["undone"]);
  const between = await makeUser(one(0));
  await until("the one after it was told", 5000, () => first.objects().includes(between));
  expect(first.objects()).not.toContain("slow-1");
  const left = first.state.id;
  await first.stop();
  // It comes back elsewhere, before and after the slow one is committed.
  const early = listen(one(1), ADMIN, left);
  await early.ready();
  await undone.rollback();
  await slow.commit();
  await until("the slow one was told", 5000, () => whole.objects().includes("slow-1"));
  const late = listen(one(1), ADMIN, left);
  const last = await makeUser(one(1));
  for (const stream of [whole, early, late])
    await until(
      "all were told",
      5000,
      () => stream.objects().includes(last) && stream.objects().includes("slow-1"),
    );
  for (const stream of [whole, early, late]) {
    const mine = stream.objects().filter((name) => ["slow-1", "undone", last].includes(name));
    expect(mine.sort()).toEqual(["slow-1", last].sort());
    await stream.stop();
  }
  await Promise.all([slow.end(), undone.end()]);
});

test("a killed API: its readers go on at another one without a gap", async () => {
  const doomed = await startProgram(settings);
  const stream = listen(doomed, ADMIN);
  await stream.ready();
  const before = await makeUser(one(0));
  await until("it was told", 5000, () => stream.objects().includes(before));
  await doomed.stop("SIGKILL");
  await until("it noticed", 5000, () => stream.state.closed);
  const meanwhile = [await makeUser(one(0)), await makeUser(one(0))];
  const again = listen(one(1), ADMIN, stream.state.id);
  const after = await makeUser(one(1));
  await until("all were told", 5000, () => again.objects().includes(after));
  expect(again.objects()).toEqual([...meanwhile, after]);
  await again.stop();
});

test("whoever has the answer is told what happens from then on, also before the next look at the database", async () => {
  const other = listen(one(0), ADMIN);
  await other.ready();
  for (let n = 0; n < 5; n++) {
    const stream = listen(one(0), ADMIN);
    await until("it has its answer", 5000, () => stream.state.status === 200, 1);
    const name = await makeUser(one(0));
    await until("both were told", 5000, () =>
      [other, stream].every(({ objects }) => objects().includes(name)),
    );
    await stream.stop();
  }
  await other.stop();
});

test("an API that is stopped ends its streams, and doesn't wait for them", async () => {
  const api = await startProgram(settings);
  const stream = listen(api, ADMIN);
  await stream.ready();
  const from = performance.now();
  expect(await api.stop("SIGTERM")).toBe(0);
  expect(performance.now() - from).toBeLessThan(5000);
  await until("it noticed", 5000, () => stream.state.closed);
});

test("others than admins see what concerns all, without names, and their own", async () => {
  const [mine, theirs] = [await makeUser(one(0)), await makeUser(one(0))];
  const { token, id } = await makeToken(mine);
  const { token: viewer } = await makeToken(await makeUser(one(0), "viewer"));
  const streams = [listen(one(1), token), listen(one(1), viewer)];
  await Promise.all(streams.map((stream) => stream.ready()));
  const db = await connect();
  const owner = async (name: string) => {
    const [rows] = await db.query("SELECT id FROM users WHERE name = ?", [name]);
    return (rows as { id: string }[])[0]?.id;
  };
  for (const [reservation, user] of [
    ["r-mine", mine],
    ["r-theirs", theirs],
  ] as const) {
    await db.query(
      "INSERT INTO reservations (id, user_id, username, state, count, duration_minutes, created_at, ends_at) VALUES (?, ?, 'x', 'ended', 1, 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
      [reservation, await owner(user)],
    );
    await db.query(INSERT.replace("machine.registered", "reservation.claimed"), [reservation]);
  }
  const failed = INSERT.replace("machine.registered", "reservation.failed");
  const said = '{"reason": "connect ECONNREFUSED 10.0.0.7:22", "fault": "unreachable"}';
  await db.query(failed.replace("'{}'", "?"), ["r-mine", said]);
  await db.query(INSERT, ["m-1"]);
  await db.end();
  for (const stream of streams)
    await until("the machine was told", 5000, () => stream.objects().includes("m-1"));
  const [asUser, asViewer] = streams as [ReturnType<typeof listen>, ReturnType<typeof listen>];
  const common = { id: expect.any(Number), occurred_at: expect.any(String) };
  const claimed = { ...common, action: "reservation.claimed" };
  const machine = { ...common, action: "machine.registered", object: "m-1" };
  expect(asUser.messages.map(({ data }) => data)).toEqual([
    { ...claimed, object: "r-mine", details: {} },
    claimed,
    // A machine's own words are for admins.
    { ...common, action: "reservation.failed", object: "r-mine", details: { fault: "unreachable" } },
    machine,
  ]);
  expect(asViewer.messages.map(({ data }) => data)).toEqual([
    claimed,
    claimed,
    { ...common, action: "reservation.failed" },
    machine,
  ]);
  // A token that is revoked tells nothing more.
  await call(one(0), "DELETE", `/tokens/${id}`, undefined, bearer(ADMIN));
  await until("the stream was ended", 5000, () => asUser.state.closed);
  expect(asViewer.state.closed).toBe(false);
  await asViewer.stop();
});

test("a cursor that is none of ours is refused; HEAD ends at once; without a token there is nothing", async () => {
  const bad = await call(one(0), "GET", "/stream", undefined, { ...bearer(ADMIN), "Last-Event-ID": "x" });
  expect([bad.status, bad.body.code]).toEqual([400, "invalid_request"]);
  expect((await fetch(`${one(0).url}/stream`, { method: "HEAD", headers: bearer(ADMIN) })).status).toBe(200);
  expect((await fetch(`${one(0).url}/stream`)).status).toBe(401);
  // So long ago that it is better to load everything again.
  const stream = listen(one(0), ADMIN, "0");
  const db = await connect();
  for (let n = 0; n < 1100; n += 100)
    await db.query(
      `INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES ${Array(100).fill("(UTC_TIMESTAMP(3), '', '', '', 'x', '', '{}')").join(",")}`,
    );
  await db.end();
  await stream.ready();
  await stream.stop();
  const again = listen(one(1), ADMIN, "0");
  await until("it is to load everything", 5000, () => again.messages.some(({ event }) => event === "reset"));
  await again.stop();
});

test("a role that is lowered ends a stream before it is told any more, and it goes on as what the user is now", async () => {
  const name = await makeUser(one(0), "admin");
  const { token } = await makeToken(name);
  const stream = listen(one(1), token);
  await stream.ready();
  const db = await connect();
  // In one transaction, so that both are found at once.
  await db.beginTransaction();
  await db.query("UPDATE users SET role = 'viewer' WHERE name = ?", [name]);
  await db.query(INSERT.replace("machine.registered", "user.changed"), [name]);
  await db.query(INSERT.replace("machine.registered", "user.created"), ["hidden"]);
  await db.query(INSERT, ["shown"]);
  await db.commit();
  await db.end();
  await until("the stream was ended", 5000, () => stream.state.closed);
  expect(stream.objects()).toEqual([]);
  const again = listen(one(1), token, stream.state.id);
  await until("it goes on", 5000, () => again.objects().includes("shown"));
  expect(again.messages.filter(({ event }) => event === "event").map(({ data }) => data)).toEqual([
    {
      id: expect.any(Number),
      occurred_at: expect.any(String),
      action: "machine.registered",
      object: "shown",
    },
  ]);
  // What doesn't change who they are ends nothing.
  await call(one(0), "PATCH", `/users/${name}`, { max_machines: 3 }, bearer(ADMIN));
  const more = await connect();
  await more.query(INSERT, ["still here"]);
  await more.end();
  await until("it goes on", 5000, () => again.objects().includes("still here"));
  expect(again.state.closed).toBe(false);
  await again.stop();
});

test("a session that ends takes its stream along, and no other; a stream keeps no idle session alive", async () => {
  const name = await makeUser(one(0));
  const { token } = await makeToken(name);
  const [here, there] = [await logIn(one(0), { token }), await logIn(one(0), { token })];
  const streams = [here, there].map(({ cookie }) => read(one(1), { headers: { Cookie: cookie } }));
  const [stream, other] = streams as [ReturnType<typeof read>, ReturnType<typeof read>];
  await Promise.all([stream.ready(), other.ready()]);
  const db = await connect();
  const long = "UTC_TIMESTAMP(3) - INTERVAL 59 MINUTE";
  await db.query(
    `UPDATE sessions SET seen_at = ${long} WHERE user_id = (SELECT id FROM users WHERE name = ?)`,
    [name],
  );
  const idle = async () => {
    const [rows] = await db.query(
      "SELECT COUNT(*) AS n FROM sessions WHERE seen_at < UTC_TIMESTAMP(3) - INTERVAL 58 MINUTE",
    );
    return (rows as { n: number }[])[0]?.n;
  };
  expect(await idle()).toBe(2);
  expect((await call(one(0), "DELETE", "/session", undefined, withSession(here))).status).toBe(200);
  await until("the stream was ended", 5000, () => stream.state.closed);
  await db.query(INSERT, ["after the logout"]);
  await until("the other goes on", 5000, () => other.objects().includes("after the logout"));
  expect(await idle()).toBe(1);
  await db.end();
  await other.stop();
});

test("one who doesn't read is cut off, and the others are told everything", async () => {
  const stream = listen(one(0), ADMIN);
  await stream.ready();
  const { hostname, port } = new URL(one(0).url);
  let read = 0;
  let ended = false;
  const lazy = createSocket(Number(port), hostname, () => {
    lazy.write(`GET /stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ADMIN}\r\n\r\n`);
    lazy.pause();
  });
  lazy.on("data", (part) => {
    read += part.length;
  });
  const over = () => {
    ended = true;
  };
  lazy.on("close", over).on("error", over);
  lazy.pause();
  const db = await connect();
  let sent = 0;
  const details = JSON.stringify({ text: "x".repeat(60_000) });
  await until(
    "it has been sent much more than it may leave unread",
    30_000,
    async () => {
      await db.query(
        `INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES ${Array(20).fill("(UTC_TIMESTAMP(3), '', '', '', 'x', 'big', ?)").join(",")}`,
        Array(20).fill(details),
      );
      sent += 20;
      await until("the other has read it", 10_000, () => stream.messages.length >= sent, 10);
      return sent * details.length > 20_000_000;
    },
    1,
  );
  await db.end();
  lazy.resume();
  await until("it was cut off", 10_000, () => ended);
  expect(read).toBeLessThan(12_000_000);
  expect(stream.objects()).toHaveLength(sent);
  expect(stream.state.closed).toBe(false);
  await stream.stop();
});

test("one user may have 200 streams open at one API", async () => {
  const { token } = await makeToken(await makeUser(one(0)));
  const streams = Array.from({ length: 200 }, () => listen(one(1), token));
  for (const stream of streams) await stream.ready();
  const refused = () => call(one(1), "GET", "/stream", undefined, bearer(token));
  const { status, headers, body } = await refused();
  expect([status, body.code, headers.get("retry-after")]).toEqual([429, "rate_limited", "15"]);
  await streams[0]?.stop();
  let more = listen(one(1), token);
  await until("there is room for one more", 5000, async () => {
    if (!more.state.closed) return more.state.id !== "";
    more = listen(one(1), token);
    return false;
  });
  // Others have their own.
  const other = listen(one(1), ADMIN);
  await other.ready();
  await Promise.all([...streams, more, other].map((stream) => stream.stop()));
});

test("a page that can't set Last-Event-ID goes on by the query; the header, which is newer, comes first", async () => {
  const first = listen(one(0), ADMIN);
  await first.ready();
  const start = first.state.id;
  const name = await makeUser(one(0));
  await until("it was told", 5000, () => first.objects().includes(name));
  await first.stop();
  const path = `/stream?cursor=${start}`;
  const byQuery = read(one(1), { path, headers: bearer(ADMIN) });
  await until("it was told again", 5000, () => byQuery.objects().includes(name));
  const both = read(one(1), { path, headers: { ...bearer(ADMIN), "Last-Event-ID": first.state.id } });
  await both.ready();
  expect(both.objects()).toEqual([]);
  await Promise.all([byQuery.stop(), both.stop()]);
  const unknown = await call(one(0), "GET", "/stream?after=1", undefined, bearer(ADMIN));
  expect([unknown.status, unknown.body.code]).toEqual([400, "invalid_request"]);
});

test("who has changed between their request and its first message is told nothing", async () => {
  const pool = await startStubPool(0);
  let asked = 0;
  const again = async () => {
    asked++;
    return undefined;
  };
  let ended = 0;
  const stream = streamOf(pool.deps, OPEN_API, { max: 0, missing: [] }, again, () => ended++);
  await pool.deps.db.insert(events).values(eventOf(pool.deps, "user.deleted", "ada"));
  expect(await new Response(stream).text()).toBe("retry: 1000\n\n");
  expect([asked, ended, pool.deps.following.followers.size]).toEqual([1, 1, 0]);
  await pool.stop();
});

test("a token that expires ends its stream within a minute", async () => {
  const pool = await startStubPool(0);
  let now: Principal | undefined = OPEN_API;
  const again = async () => now;
  jest.useFakeTimers();
  try {
    const stream = streamOf(pool.deps, OPEN_API, undefined, again, () => {});
    const reader = new Response(stream).text();
    jest.advanceTimersByTime(60_000);
    now = undefined;
    jest.advanceTimersByTime(60_000);
    expect((await reader).split("event: beat").length - 1).toBe(8);
  } finally {
    jest.useRealTimers();
    await pool.stop();
  }
});
