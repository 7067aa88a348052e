// Browser sessions: who can log in, what a cookie may do, and when it ends, in every process at once.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createConnection } from "mysql2/promise";
import { connectionOptions } from "../../db/client.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, type Program, startProgram } from "../support/program.ts";
import { cookieIn, type Login, logIn, withSession } from "../support/session.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const ADMIN = "the-admins-own-token";
const PASSWORD = "a password of dora's";
const ALL_PASSWORDS = [PASSWORD, "another one of hers", "dan's own password", "eve's own password"];
const bearer = { Authorization: `Bearer ${ADMIN}` };
let pool: TestPool;
let other: Program;
const admin = (method: string, path: string, body?: unknown) => call(pool.api, method, path, body, bearer);
const byDora = { user: "dora", password: PASSWORD };

beforeAll(async () => {
  pool = await startPool(0, { apis: 2, settings: { ADMIN_TOKEN: ADMIN } });
  other = pool.apis[1] as Program;
  expect((await admin("POST", "/users", { name: "dora", password: PASSWORD })).status).toBe(201);
});
afterAll(() => pool.stop());

/** Sends GET /session with only a cookie. */
const look = (login: Login, at: { url: string } = pool.api) =>
  call(at, "GET", "/session", undefined, { Cookie: login.cookie });
/** Whether a session is valid; both processes say the same. */
async function isValid(login: Login): Promise<boolean> {
  const [one, two] = [await look(login), await look(login, other)];
  expect(two.status).toBe(one.status);
  return one.status === 200;
}
const actions = async (object: string) =>
  (await admin("GET", `/events?object=${object}`)).body.events.map(
    ({ action, actor, details }: { action: string; actor: string; details: unknown }) => [
      action,
      actor,
      details,
    ],
  );

test("a password: it is hashed, never shown, and logs its user in, in every process", async () => {
  const { body: users } = await admin("GET", "/users");
  expect(users.users[0]).toMatchObject({ name: "dora", has_password: true });
  const [row] = await pool.sql("SELECT password_hash FROM users WHERE name = 'dora'");
  expect(row.password_hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect(JSON.stringify(users)).not.toContain("argon2");

  const made = await call(other, "POST", "/session", byDora);
  expect(made.status).toBe(201);
  expect(made.headers.get("cache-control")).toBe("no-store");
  expect(made.headers.get("set-cookie")).toMatch(
    /^__Host-machine_manager=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  );
  expect(made.body).toMatchObject({ name: "dora/password", user: "dora", role: "user" });
  const left = new Date(made.body.ends_at).getTime() - Date.now();
  expect(left / 3_600_000).toBeWithin(11.9, 12.1);
  const cookie = cookieIn(made.headers);
  expect((await look({ cookie, csrf: "" })).body).toEqual(made.body);
  // The database's content is useless for logging in.
  const [session] = await pool.sql("SELECT * FROM sessions");
  expect(cookie).not.toContain(session.id);
  expect((await look({ cookie: `__Host-machine_manager=${session.id}`, csrf: "" })).status).toBe(401);
});

test("passwords that are too short, too long or not printable are refused, and not repeated", async () => {
  for (const password of ["elevenchars", "x".repeat(129), "with a line\nbreak in it", 5, null]) {
    const { status, body } = await admin("POST", "/users", { name: "nobody", password });
    expect([status, body.details?.[0].field]).toEqual([400, "password"]);
    expect(body.error).not.toContain(String(password ?? "never"));
  }
  expect((await admin("PATCH", "/users/dora", { password: "short" })).status).toBe(400);
});

test("the same answer for an unknown user, no password, a wrong one, and a bad token", async () => {
  await admin("POST", "/users", { name: "bare" });
  const bad = [
    { user: "nobody", password: PASSWORD },
    { user: "bare", password: PASSWORD },
    { user: "dora", password: "not the password" },
    { user: "DORA", password: PASSWORD },
    { user: "no user's name", password: PASSWORD },
    { token: "mm_0000000000000000000000000000000000000000000" },
  ];
  const said = await Promise.all(bad.map((input) => call(pool.api, "POST", "/session", input)));
  for (const { status, body, headers } of said) {
    expect([status, body]).toEqual([401, said[0]?.body]);
    expect(headers.get("set-cookie")).toBeNull();
  }
  expect(said[0]?.body.code).toBe("login_failed");
  for (const input of [{}, { user: "dora" }, { password: "x" }, { ...byDora, token: "x" }, { user: 5 }])
    expect((await call(pool.api, "POST", "/session", input)).status).toBe(400);
});

test("a change by cookie needs its session's CSRF token, and one of our pages", async () => {
  const [login, foreign] = [await logIn(pool.api, { token: ADMIN }), await logIn(pool.api, byDora)];
  const change = (headers: Record<string, string>) =>
    call(other, "POST", "/users", { name: "made-by-cookie" }, { Cookie: login.cookie, ...headers });
  const host = new URL(other.url).host;
  for (const headers of [
    {},
    { "X-CSRF-Token": "" },
    { "X-CSRF-Token": "wrong" },
    { "X-CSRF-Token": foreign.csrf },
    { "X-CSRF-Token": login.cookie },
    { "X-CSRF-Token": login.csrf, "Sec-Fetch-Site": "cross-site" },
    { "X-CSRF-Token": login.csrf, "Sec-Fetch-Site": "same-site" },
    { "X-CSRF-Token": login.csrf, Origin: "https://evil.example" },
    { "X-CSRF-Token": login.csrf, Origin: "null" },
  ] as Record<string, string>[]) {
    const { status, body } = await change(headers);
    expect([status, body.code]).toEqual([403, "csrf"]);
  }
  for (const method of ["PATCH", "DELETE"])
    expect((await call(other, method, "/users/dora", {}, { Cookie: login.cookie })).body.code).toBe("csrf");
  const own = { "Sec-Fetch-Site": "same-origin", Origin: `http://${host}` };
  expect((await change({ "X-CSRF-Token": login.csrf, ...own })).status).toBe(201);
  expect((await look(login)).body.csrf).toBe(login.csrf);
});

test("a GET that changes something refuses a cookie, and accepts a token", async () => {
  const login = withSession(await logIn(pool.api, { token: ADMIN }));
  for (const path of ["/reserve?username=x", "/reserve/?username=x", "/release_all", "/release_all/"]) {
    const { status, body } = await call(pool.api, "GET", path, undefined, login);
    expect([status, body.code]).toEqual([401, "unauthorized"]);
    expect(body.error).toContain("POST");
  }
  expect((await call(pool.api, "POST", "/release_all", undefined, login)).status).toBe(200);
  // The header takes precedence over the cookie, for better or worse.
  expect((await call(pool.api, "GET", "/release_all", undefined, { ...login, ...bearer })).status).toBe(200);
  const bad = { ...login, Authorization: "Bearer mm_not-a-valid-one" };
  expect((await call(pool.api, "GET", "/users", undefined, bad)).status).toBe(401);
});

test("another site's page can't log anybody in", async () => {
  for (const headers of [{ "Sec-Fetch-Site": "cross-site" }, { Origin: "https://evil.example" }] as Record<
    string,
    string
  >[]) {
    const { status, body } = await call(pool.api, "POST", "/session", byDora, headers);
    expect([status, body.code]).toEqual([403, "cross_site"]);
  }
});

test("a login makes a new id; the old session ends, and a planted one is never valid", async () => {
  const planted = `__Host-machine_manager=${"A".repeat(43)}`;
  const first = await call(pool.api, "POST", "/session", byDora, { Cookie: planted });
  const one = { cookie: cookieIn(first.headers), csrf: first.body.csrf };
  expect(one.cookie).not.toBe(planted);
  expect((await look({ cookie: planted, csrf: "" })).status).toBe(401);
  const second = await call(pool.api, "POST", "/session", byDora, { Cookie: one.cookie });
  const two = { cookie: cookieIn(second.headers), csrf: second.body.csrf };
  expect(two.cookie).not.toBe(one.cookie);
  expect([await isValid(one), await isValid(two)]).toEqual([false, true]);
  // A failed login changes nothing.
  const failed = { user: "dora", password: "not the password" };
  await call(pool.api, "POST", "/session", failed, { Cookie: two.cookie });
  expect(await isValid(two)).toBe(true);

  const out = await call(other, "DELETE", "/session", undefined, withSession(two));
  expect(out.status).toBe(200);
  expect(out.headers.get("set-cookie")).toMatch(/^__Host-machine_manager=; .*Secure; .*Max-Age=0$/);
  expect(await isValid(two)).toBe(false);
  expect((await actions("dora")).slice(0, 2)).toEqual([
    ["session.ended", "dora/password", { by: "logout" }],
    ["login.failed", "nobody", {}],
  ]);
});

test("an idle session ends after an hour, and any after twelve, by the database's clock", async () => {
  const login = await logIn(pool.api, byDora);
  const move = (column: string, minutes: number) =>
    pool.sql(
      `UPDATE sessions SET ${column} = UTC_TIMESTAMP(3) - INTERVAL ${minutes} MINUTE ORDER BY created_at DESC, seen_at DESC LIMIT 1`,
    );
  await pool.sql(
    "DELETE FROM sessions WHERE id NOT IN (SELECT * FROM (SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1) AS last)",
  );
  await move("seen_at", 59);
  expect(await isValid(login)).toBe(true);
  const [row] = await pool.sql(
    "SELECT TIMESTAMPDIFF(SECOND, seen_at, UTC_TIMESTAMP(3)) AS ago FROM sessions",
  );
  expect(Number(row.ago)).toBeLessThan(30); // it was just used
  await move("seen_at", 61);
  expect(await isValid(login)).toBe(false);
  await move("seen_at", 1);
  await move("created_at", 12 * 60 - 1);
  expect(await isValid(login)).toBe(true);
  await move("created_at", 12 * 60 + 1);
  expect(await isValid(login)).toBe(false);
});

test("a request is a write for its session at most once a minute", async () => {
  const login = await logIn(pool.api, byDora);
  const seen = async () =>
    JSON.stringify(await pool.sql("SELECT seen_at FROM sessions ORDER BY created_at DESC LIMIT 1"));
  const before = await seen();
  for (let n = 0; n < 3; n++) await look(login);
  expect(await seen()).toBe(before);
});

test("a password session ends with its password; a token session and a token stay valid", async () => {
  const { body: token } = await admin("POST", "/tokens", { user: "dora", name: "t" });
  const [one, two] = [await logIn(pool.api, byDora), await logIn(other, { token: token.token })];
  expect((await look(two)).body.name).toBe("dora/t");
  await admin("PATCH", "/users/dora", { role: "viewer" });
  expect([(await look(one, other)).body.role, (await look(two)).body.role]).toEqual(["viewer", "viewer"]);
  await admin("PATCH", "/users/dora", { role: "user", password: "another one of hers" });
  expect([await isValid(one), await isValid(two)]).toEqual([false, true]);
  expect((await call(pool.api, "POST", "/session", byDora)).status).toBe(401);
  const three = await logIn(pool.api, { ...byDora, password: "another one of hers" });
  await admin("PATCH", "/users/dora", { password: null });
  expect(await isValid(three)).toBe(false);
  expect((await actions("dora"))[0]).toEqual(["user.changed", "ADMIN_TOKEN", { password: "removed" }]);
  expect(await isValid(two)).toBe(true);
  await admin("PATCH", "/users/dora", { password: PASSWORD });
});

test("a login while the password is being changed does not succeed with the old one", async () => {
  const connection = await createConnection(connectionOptions(pool.settings.DATABASE_URL));
  await connection.query("START TRANSACTION");
  await connection.query("UPDATE users SET password_hash = NULL WHERE name = 'dora'");
  // Others still read the old hash; the login finds the password correct, then the row locked.
  let done = false;
  const login = call(pool.api, "POST", "/session", byDora).finally(() => {
    done = true;
  });
  const waits = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
  // (This table is refreshed only if it hasn't been read for 100 ms.)
  await until("it waits", 10_000, async () => done || (await pool.sql(waits)).length > 0, 150);
  await connection.query("COMMIT");
  await connection.end();
  expect((await login).body.code).toBe("login_failed");
  await admin("PATCH", "/users/dora", { password: PASSWORD });
});

test("a token session ends with its token: revoked, or expired", async () => {
  const make = async () => (await admin("POST", "/tokens", { user: "dora", name: "short", days: 1 })).body;
  const [away, expires, soon] = [await make(), await make(), await make()];
  const sessions = await Promise.all([away, expires, soon].map(({ token }) => logIn(pool.api, { token })));
  await admin("DELETE", `/tokens/${away.id}`);
  const until = (id: string, minutes: number) =>
    pool.sql("UPDATE tokens SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MINUTE WHERE id = ?", [
      minutes,
      id,
    ]);
  await until(expires.id, 0);
  await until(soon.id, 90);
  expect(await Promise.all(sessions.map(isValid))).toEqual([false, false, true]);
  const { body } = await look(sessions[2] as Login);
  expect((new Date(body.ends_at).getTime() - Date.now()) / 60_000).toBeWithin(85, 95);
  expect((await actions(away.id))[0]).toEqual([
    "token.deleted",
    "ADMIN_TOKEN",
    { user: "dora", name: "short" },
  ]);
});

test("a session ends with its user, and one of an ADMIN_TOKEN with that token", async () => {
  for (const name of ["dan", "eve"])
    await admin("POST", "/users", { name, password: `${name}'s own password` });
  const [dan, eve] = [
    await logIn(pool.api, { user: "dan", password: "dan's own password" }),
    await logIn(other, { user: "eve", password: "eve's own password" }),
  ];
  expect((await admin("DELETE", "/users/dan")).status).toBe(200);
  // A new user of that name is somebody else.
  await admin("POST", "/users", { name: "dan", password: "dan's own password" });
  expect([await isValid(dan), await isValid(eve)]).toEqual([false, true]);
  expect(
    await pool.sql(
      "SELECT id FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id) AND user_id IS NOT NULL",
    ),
  ).toEqual([]);

  const root = await logIn(pool.api, { token: ADMIN });
  expect((await look(root, other)).body).toMatchObject({ name: "ADMIN_TOKEN", user: null, role: "admin" });
  for (const ADMIN_TOKEN of ["another-admin-token", ""]) {
    const next = await startProgram({ ...pool.settings, ADMIN_TOKEN });
    expect((await look(root, next)).status).toBe(401);
    expect((await look(eve, next)).status).toBe(200);
    await next.stop();
  }
});

test("a session is honoured even with an open API", async () => {
  const open = await startProgram({ ...pool.settings, ADMIN_TOKEN: "" });
  const login = await logIn(open, byDora);
  expect((await look(login, open)).body.user).toBe("dora");
  const changes = (headers: Record<string, string>) => call(open, "POST", "/users", { name: "x" }, headers);
  expect((await changes({ Cookie: login.cookie })).body.code).toBe("csrf");
  expect((await changes(withSession(login))).body.code).toBe("forbidden");
  expect((await call(open, "GET", "/reserve?username=x", undefined, withSession(login))).status).toBe(401);
  expect((await call(open, "GET", "/session")).status).toBe(401);
  expect((await call(open, "GET", "/users")).status).toBe(200);
  await open.stop();
});

test("the scheduler deletes expired sessions and counts, and no others", async () => {
  const login = await logIn(pool.api, byDora);
  await pool.sql("UPDATE sessions SET seen_at = UTC_TIMESTAMP(3) - INTERVAL 2 HOUR WHERE user_id IS NULL");
  await pool.sql(
    "INSERT INTO login_tries VALUES ('account:old', 3, UTC_TIMESTAMP(3)), ('account:new', 3, UTC_TIMESTAMP(3) + INTERVAL 1 HOUR)",
  );
  const { prune } = await import("../../pool/reservations/prune.ts");
  const { build } = await import("../../deps.ts");
  const { readConfig } = await import("../../config.ts");
  const deps = build(readConfig(pool.settings));
  expect(await prune(deps)).toBeGreaterThan(1);
  expect(await pool.sql("SELECT id FROM sessions WHERE user_id IS NULL")).toEqual([]);
  expect(await pool.sql("SELECT who FROM login_tries WHERE who IN ('account:old', 'account:new')")).toEqual([
    { who: "account:new" },
  ]);
  expect(await isValid(login)).toBe(true);
  expect(await prune(deps)).toBe(0);
  await deps.database.close();
});

test("no password, token or cookie is in an event or in a log", async () => {
  const { cookie } = await logIn(pool.api, byDora);
  const events = JSON.stringify(await pool.sql("SELECT * FROM events"));
  expect(events).toContain("session.created");
  const secrets = [...ALL_PASSWORDS, "not the password", ADMIN, cookie.split("=")[1] as string, "argon2id"];
  for (const text of [events, ...pool.apis.map(({ log }) => log())])
    for (const secret of secrets) expect(text).not.toContain(secret);
});
