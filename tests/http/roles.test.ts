// Every endpoint × every principal. A new route without a line here fails.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startMachines, type TestMachine } from "../support/machines.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, fromProxy, PROXY_SECRET, type Program } from "../support/program.ts";
import { type Login, logIn, withSession } from "../support/session.ts";

setDefaultTimeout(120_000);

const ADMIN = "the-admins-own-token";
let pool: TestPool;
let machines: TestMachine[];
let other: Program;
const tokens: Record<string, string> = {};
const ids: Record<string, string> = {};
const bearer = (who: string) => ({ Authorization: `Bearer ${tokens[who]}` });
const as = (who: string, method: string, path: string, body?: unknown, at: { url: string } = pool.api) =>
  call(at, method, path, body, who === "nobody" ? {} : bearer(who));

beforeAll(async () => {
  pool = await startPool(0, { apis: 2, settings: { ADMIN_TOKEN: ADMIN, PROXY_SECRET } });
  machines = await startMachines(2);
  other = pool.apis[1] as Program;
  tokens.admin = ADMIN;
  for (const { name, host, port, user, password } of machines)
    expect((await as("admin", "POST", "/machines", { name, host, port, user, password })).status).toBe(201);
  for (const [name, role] of [
    ["vic", "viewer"],
    ["uma", "user"],
    ["una", "user"],
    ["ada", "admin"],
    ["gone", "user"],
    ["late", "user"],
  ] as const) {
    expect((await as("admin", "POST", "/users", { name, role })).status).toBe(201);
    const { body } = await as("admin", "POST", "/tokens", { user: name, name: "t", days: 1 });
    tokens[name] = body.token;
    ids[name] = body.id;
  }
  tokens.bad = "mm_0000000000000000000000000000000000000000000";
  await as("admin", "DELETE", `/tokens/${ids.gone}`);
  await pool.sql("UPDATE tokens SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ?", [
    ids.late,
  ]);
});
afterAll(async () => {
  await pool.stop();
  await Promise.all(machines.map((machine) => machine.stop()));
});

/** For each endpoint, the minimum role, and the answer to an allowed request here (none changes much). */
const ENDPOINTS: Record<
  string,
  {
    least: "open" | "viewer" | "user" | "admin";
    /** the only thing that matters here */
    by?: "token" | "session";
    path?: string;
    body?: unknown;
    good: number;
  }
> = {
  "GET /healthz": { least: "open", good: 200 },
  "GET /readyz": { least: "open", good: 200 },
  "GET /available": { least: "viewer", good: 200 },
  "GET /reserve": { least: "user", by: "token", path: "/reserve?username=x&count=99", good: 409 },
  "GET /release_all": { least: "admin", by: "token", good: 200 },
  "POST /release_all": { least: "admin", good: 200 },
  "GET /machines": { least: "viewer", good: 200 },
  "POST /machines": { least: "admin", body: {}, good: 400 },
  "GET /machines/{name}": { least: "viewer", good: 404 },
  "PATCH /machines/{name}": { least: "admin", body: { drained: false }, good: 404 },
  "DELETE /machines/{name}": { least: "admin", good: 404 },
  "GET /reservations": { least: "viewer", good: 200 },
  "POST /reservations": { least: "user", body: { username: "x", count: 99 }, good: 409 },
  "GET /reservations/{id}": { least: "viewer", good: 404 },
  "DELETE /reservations/{id}": { least: "user", good: 404 },
  "POST /reservations/{id}/extend": { least: "user", body: { minutes: 1 }, good: 404 },
  "GET /queue": { least: "viewer", good: 200 },
  "GET /calendar": { least: "viewer", good: 200 },
  "GET /reservations/{id}/ssh_config": { least: "viewer", good: 404 },
  "GET /reservations/{id}/known_hosts": { least: "viewer", good: 404 },
  "GET /reservations/{id}/proof": { least: "viewer", good: 404 },
  "POST /reservations/{id}/release": { least: "user", body: { machines: ["node1"] }, good: 404 },
  "GET /series": { least: "viewer", good: 200 },
  "POST /series": { least: "user", body: { username: "x" }, good: 400 },
  "GET /series/{id}": { least: "viewer", good: 404 },
  "DELETE /series/{id}": { least: "user", good: 404 },
  "GET /ssh-key": { least: "admin", good: 200 },
  "GET /events": { least: "admin", good: 200 },
  "GET /stream": { least: "viewer", good: 200 },
  "GET /usage": { least: "admin", good: 200 },
  "GET /users": { least: "admin", good: 200 },
  "POST /users": { least: "admin", body: { name: "uma" }, good: 409 },
  "PATCH /users/{name}": { least: "admin", body: { role: "user" }, good: 404 },
  "DELETE /users/{name}": { least: "admin", good: 404 },
  "GET /tokens": { least: "admin", good: 200 },
  "POST /tokens": { least: "admin", body: { user: "none", name: "x" }, good: 404 },
  "DELETE /tokens/{id}": { least: "admin", good: 404 },
  "POST /session": { least: "open", body: {}, good: 400 },
  "GET /session": { least: "viewer", by: "session", good: 200 },
  "DELETE /session": { least: "viewer", by: "session", good: 200 },
};
const WHO = { nobody: -1, bad: -1, gone: -1, late: -1, vic: 1, uma: 2, ada: 3, admin: 3 };
/** With a token in the header; with a session and its CSRF token, like our own pages; with only the cookie. */
const HOW = ["token", "session", "cookie"] as const;
const LEAST = { open: 0, viewer: 1, user: 2, admin: 3 };

const sessions: Record<string, Login> = {};
async function headers(who: string, how: (typeof HOW)[number]): Promise<Record<string, string>> {
  if (how === "token") return who === "nobody" ? {} : bearer(who);
  const isValid = async ({ cookie }: Login) =>
    (await call(pool.api, "GET", "/session", undefined, { Cookie: cookie })).status === 200;
  let login = sessions[who];
  // The test of the logout ends them.
  if (!login || !(await isValid(login))) login = await logIn(other, { token: tokens[who] as string });
  sessions[who] = login;
  return how === "session" ? withSession(login) : { Cookie: login.cookie };
}

test("every endpoint answers each principal as their role allows", async () => {
  const document = (await as("admin", "GET", "/swagger/json")).body;
  const all = Object.entries(document.paths as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(all.sort()).toEqual(Object.keys(ENDPOINTS).sort());
  for (const [name, { least, by, path, body, good }] of Object.entries(ENDPOINTS)) {
    const [method = "", route = ""] = name.split(" ");
    const where = path ?? route.replace(/\{\w+\}/, "no-such-thing");
    const expected = (rank: number, how: (typeof HOW)[number]) => {
      if (least === "open") return good;
      if (rank < 0) return 401;
      if (how === "cookie" && method !== "GET") return 403;
      if (by === "token" && how !== "token") return 401;
      if (rank < LEAST[least]) return 403;
      return by === "session" && how === "token" ? 401 : good;
    };
    for (const [who, rank] of Object.entries(WHO))
      for (const how of HOW) {
        if (how !== "token" && rank < 0) continue; // these can't log in: session.test.ts
        const { status, body: said } = await call(pool.api, method, where, body, await headers(who, how));
        const asked = `${who}, ${how}: ${name}`;
        expect(`${asked} ${status}`).toBe(`${asked} ${expected(rank, how)}`);
        if (status >= 400) expect(said.code).toBeString();
      }
  }
});

test("a user sees and ends their own reservations; a viewer sees all, an admin ends any", async () => {
  const mine = (await as("uma", "POST", "/reservations", { username: "uma", duration: 5 })).body;
  expect(mine.machines).toHaveLength(1);
  expect((await as("una", "GET", "/reservations")).body.reservations).toEqual([]);
  expect((await as("una", "GET", `/reservations/${mine.id}`)).status).toBe(404);
  expect((await as("una", "DELETE", `/reservations/${mine.id}`)).status).toBe(404);
  const release = (who: string) =>
    as(who, "POST", `/reservations/${mine.id}/release`, { machines: ["node2"] });
  expect(await Promise.all(["una", "vic", "uma"].map(async (who) => (await release(who)).body.code))).toEqual(
    ["reservation_not_found", "forbidden", "machine_not_found"],
  );
  for (const file of ["ssh_config", "known_hosts"])
    for (const [who, status] of [
      ["una", 404],
      ["vic", 200],
      ["uma", 200],
      ["ada", 200],
    ] as const)
      expect((await as(who, "GET", `/reservations/${mine.id}/${file}`)).status).toBe(status);
  expect((await as("uma", "GET", `/reservations/${mine.id}`)).body.state).toBe("active");
  expect((await as("vic", "GET", "/reservations")).body.reservations).toHaveLength(1);
  expect((await as("vic", "DELETE", `/reservations/${mine.id}`)).status).toBe(403);
  expect((await as("uma", "DELETE", `/reservations/${mine.id}`)).status).toBe(200);
  for (const [who, status] of [
    ["una", 404],
    ["vic", 200],
    ["uma", 200],
    ["ada", 200],
  ] as const)
    expect((await as(who, "GET", `/reservations/${mine.id}/proof`)).status).toBe(status);
  const hers = (await as("una", "POST", "/reservations", { username: "una", duration: 5 })).body;
  expect((await as("ada", "DELETE", `/reservations/${hers.id}`)).status).toBe(200);
});

test("an Idempotency-Key belongs to its user", async () => {
  const ask = (who: string) =>
    call(
      pool.api,
      "POST",
      "/reservations",
      { username: "same", duration: 5 },
      { ...bearer(who), "Idempotency-Key": "k" },
    );
  const [one, two] = [(await ask("uma")).body, (await ask("una")).body];
  expect(one.id).not.toBe(two.id);
  expect((await ask("uma")).body).toEqual(one);
  await as("admin", "POST", "/release_all");
});

test("a machine's login is shown only to admins", async () => {
  const seen = async (who: string) => (await as(who, "GET", "/machines/m-1")).body;
  expect(await seen("uma")).toMatchObject({ user: null, last_error: null, port: machines[0]?.port });
  expect(await seen("vic")).toMatchObject({ user: null });
  expect(await seen("ada")).toMatchObject({ user: "root" });
});

test("a machine's holder is shown only to admins and to that holder", async () => {
  const { body } = await as("uma", "POST", "/reservations", { username: "umas", duration: 5 });
  const name = body.machines[0].machine;
  const holder = async (who: string) => {
    const one = (await as(who, "GET", `/machines/${name}`)).body.holder;
    const all = (await as(who, "GET", "/machines")).body.machines;
    expect(all.find((machine: { name: string }) => machine.name === name).holder).toEqual(one);
    return one;
  };
  for (const who of ["una", "vic"]) expect(await holder(who)).toBeNull();
  for (const who of ["uma", "ada", "admin"])
    expect(await holder(who)).toEqual({ id: body.id, username: "umas" });
  // A reservation without a user doesn't belong to everybody without a user.
  await as("uma", "DELETE", `/reservations/${body.id}`);
});

test("revocation takes effect immediately, in another process too", async () => {
  const { body } = await as("admin", "POST", "/tokens", { user: "ada", name: "short" });
  tokens.short = body.token;
  expect((await as("short", "GET", "/users", undefined, other)).status).toBe(200);
  await as("admin", "PATCH", "/users/ada", { role: "user" });
  expect((await as("short", "GET", "/users", undefined, other)).status).toBe(403);
  expect((await as("short", "GET", "/available", undefined, other)).status).toBe(200);
  await as("admin", "DELETE", `/tokens/${body.id}`);
  expect((await as("short", "GET", "/available", undefined, other)).status).toBe(401);
});

test("a deleted user's tokens are no longer valid, and their reservations end with their accounts", async () => {
  const { body } = await as("una", "POST", "/reservations", { username: "una2", count: 2, duration: 5 });
  const gone = await as("admin", "DELETE", "/users/una");
  expect(gone.body.pending).toEqual([]);
  expect(gone.body.released.sort()).toEqual(body.machines.map((m: { machine: string }) => m.machine));
  for (const { exec } of machines) expect((await exec("ls /home")).stdout).toBe("");
  expect((await as("una", "GET", "/available")).status).toBe(401);
});

test("a token is shown once, stored as a hash, and can't have a higher role than its user", async () => {
  const list = (await as("admin", "GET", "/tokens")).body.tokens;
  expect(JSON.stringify(list)).not.toContain(tokens.vic as string);
  expect(list.find((one: { user: string }) => one.user === "vic").prefix).toBe(tokens.vic?.slice(0, 8));
  const rows = JSON.stringify(await pool.sql("SELECT * FROM tokens"));
  for (const token of Object.values(tokens)) expect(rows).not.toContain(token);
  const more = await as("admin", "POST", "/tokens", { user: "vic", name: "more", role: "admin" });
  expect([more.status, more.body.details?.[0].field]).toEqual([400, "role"]);
  for (const { log } of pool.apis)
    for (const token of Object.values(tokens)) expect(log()).not.toContain(token);
});

test("every change is recorded with who made it, in order, without a secret", async () => {
  const { body } = await call(
    pool.api,
    "POST",
    "/reservations",
    { username: "eva", password: "an-evas-secret", duration: 5 },
    fromProxy({ ...bearer("uma"), "X-Request-Id": "request-4711", "X-Forwarded-For": "192.0.2.7" }),
  );
  await as("uma", "DELETE", `/reservations/${body.id}`);
  const { events } = (await as("admin", "GET", `/events?object=${body.id}`)).body;
  expect(events.map((one: { action: string }) => one.action)).toEqual([
    "reservation.ended",
    "reservation.confirmed",
    "reservation.claimed",
  ]);
  expect(events[2]).toMatchObject({ actor: "uma/t", address: "192.0.2.7", request_id: "request-4711" });
  const machine = body.machines[0].machine;
  const cleaned = (await as("admin", "GET", `/events?object=${machine}&limit=1`)).body;
  expect(cleaned.events[0]).toMatchObject({ action: "machine.cleaned", details: { reservation: body.id } });

  // Page by page it is the same as all at once.
  const all = (await as("admin", "GET", "/events?limit=1000")).body.events;
  const paged: unknown[] = [];
  for (let path: string | undefined = "/events?limit=7"; path; ) {
    const page: { events: unknown[]; next?: string } = (await as("admin", "GET", path)).body;
    paged.push(...page.events);
    path = page.next && `/events?limit=7&cursor=${page.next}`;
  }
  expect(paged).toEqual(all);
  const text = JSON.stringify(all);
  for (const secret of [...Object.values(tokens), "an-evas-secret", machines[0]?.password as string])
    expect(text).not.toContain(secret);
});

test("a user's limits are enforced, even for many requests at once; others are not affected", async () => {
  await as("admin", "PATCH", "/users/uma", { max_machines: 1, max_duration_minutes: 30 });
  const ask = (who: string, more = {}) =>
    as(who, "POST", "/reservations", { username: "lim", duration: 5, ...more });
  expect((await ask("uma", { duration: 31 })).body).toMatchObject({
    code: "limit_reached",
    details: [{ field: "duration" }],
  });
  expect((await ask("uma", { count: 2 })).body).toMatchObject({
    code: "limit_reached",
    details: [{ field: "count" }],
  });
  const answers = await Promise.all([ask("uma"), ask("uma"), ask("uma"), ask("uma")]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403]);
  expect((await ask("admin", { username: "lim2" })).status).toBe(201);
  await as("admin", "POST", "/release_all");
  expect(
    (await as("admin", "PATCH", "/users/uma", { max_machines: null, max_duration_minutes: null })).body
      .max_machines,
  ).toBeNull();
  expect((await ask("uma", { count: 2 })).status).toBe(201);
  await as("admin", "POST", "/release_all");
  expect((await as("admin", "PATCH", "/users/uma", {})).status).toBe(400);
  for (const [method, path, more] of [
    ["PATCH", "/users/uma", {}],
    ["POST", "/users", { name: "new" }],
  ] as const)
    for (const bad of [-1, "many"])
      expect(await as("admin", method, path, { ...more, max_machines: bad })).toMatchObject({
        status: 400,
        body: { details: [{ field: "max_machines" }] },
      });
});
