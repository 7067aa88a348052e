// Every endpoint that changes something records what it did, to what, on whose behalf; if it can't be recorded, nothing
// changes. A new endpoint without a line here fails. The program has only the rights that the database's owner granted.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { DatabaseUsers } from "../support/database.ts";
import { startMachines, type TestMachine } from "../support/machines.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, restrictedSettings } from "../support/program.ts";
import { cookieIn, withSession } from "../support/session.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const tokens: Record<string, string> = { ADMIN_TOKEN: "the-admins-own-token" };
let pool: TestPool;
let users: DatabaseUsers;
let machines: TestMachine[];
/** ids of what an earlier line has made */
const made = { reservation: "", token: "", series: "", login: { cookie: "", csrf: "" } };

const bearer = (who: string) => ({ Authorization: `Bearer ${tokens[who]}` });
const as = (who: string, method: string, path: string, body?: unknown) =>
  call(pool.api, method, path, body, bearer(who));

beforeAll(async () => {
  const restricted = await restrictedSettings({ ADMIN_TOKEN: tokens.ADMIN_TOKEN as string });
  users = restricted.users;
  pool = await startPool(0, { settings: restricted.settings, scheduler: true });
  machines = await startMachines(2, { prefix: "ev-" });
  await as("ADMIN_TOKEN", "POST", "/users", { name: "uma", role: "user" });
  const { body } = await as("ADMIN_TOKEN", "POST", "/tokens", { user: "uma", name: "laptop" });
  tokens["uma/laptop"] = body.token;
});
afterAll(async () => {
  await pool.stop();
  await Promise.all(machines.map((machine) => machine.stop()));
});

interface Line {
  /** the recorded name is the token's */
  as?: string;
  /** with the session of the previous line */
  bySession?: true;
  path?: string | (() => string);
  body?: unknown;
  /** each is "action object", or how it is computed */
  events: (answer: { id: string }) => string[];
}

const registers = (n: number): Line => ({
  get body() {
    const { name, host, port, user, password } = machines[n] as TestMachine;
    return { name, host, port, user, password };
  },
  events: () => [`machine.registered ev-${n + 1}`, `machine.cleaned ev-${n + 1}`],
});
const reserves = (more: Partial<Line>): Line => ({
  as: "uma/laptop",
  events: ({ id }) => {
    made.reservation = id;
    return [`reservation.claimed ${id}`, `reservation.confirmed ${id}`];
  },
  ...more,
});
const POSTED = { body: { username: "uma", duration: 5 } };
const ends = (...more: string[]) => [`reservation.ended ${made.reservation}`, ...more];

/** In this order: each line builds on those before it. */
const LINES: [string, Line][] = [
  ["POST /machines", registers(0)],
  ["POST /machines", registers(1)],
  [
    "PATCH /machines/{name}",
    { path: "/machines/ev-2", body: { drained: true }, events: () => ["machine.changed ev-2"] },
  ],
  ["DELETE /machines/{name}", { path: "/machines/ev-2", events: () => ["machine.removed ev-2"] }],
  ["GET /reserve", reserves({ path: "/reserve?username=uma&duration=5" })],
  ["GET /release_all", { events: () => ends("machine.cleaned ev-1") }],
  ["POST /reservations", reserves(POSTED)],
  ["POST /release_all", { events: () => ends("machine.cleaned ev-1") }],
  ["POST /reservations", reserves(POSTED)],
  [
    "POST /reservations/{id}/extend",
    {
      as: "uma/laptop",
      path: () => `/reservations/${made.reservation}/extend`,
      body: { minutes: 1 },
      events: () => [`reservation.extended ${made.reservation}`],
    },
  ],
  [
    "DELETE /reservations/{id}",
    {
      as: "uma/laptop",
      path: () => `/reservations/${made.reservation}`,
      events: () => ends("machine.cleaned ev-1"),
    },
  ],
  ["POST /reservations", reserves(POSTED)],
  [
    "POST /reservations/{id}/release",
    {
      as: "uma/laptop",
      path: () => `/reservations/${made.reservation}/release`,
      body: { machines: ["node1"] },
      events: () => ends("machine.cleaned ev-1"),
    },
  ],
  [
    "POST /series",
    {
      body: {
        username: "uma",
        rrule: "FREQ=WEEKLY",
        starts_at: "2099-01-07T13:00",
        time_zone: "Europe/Paris",
      },
      events: ({ id }) => {
        made.series = id;
        return [`series.created ${id}`];
      },
    },
  ],
  [
    "DELETE /series/{id}",
    { path: () => `/series/${made.series}`, events: () => [`series.ended ${made.series}`] },
  ],
  ["POST /users", { body: { name: "dora" }, events: () => ["user.created dora"] }],
  [
    "PATCH /users/{name}",
    { path: "/users/dora", body: { max_machines: 3 }, events: () => ["user.changed dora"] },
  ],
  [
    "POST /tokens",
    {
      body: { user: "dora", name: "t" },
      events: ({ id }) => {
        made.token = id;
        return [`token.created ${id}`];
      },
    },
  ],
  [
    "DELETE /tokens/{id}",
    { path: () => `/tokens/${made.token}`, events: () => [`token.deleted ${made.token}`] },
  ],
  [
    "POST /session",
    {
      as: "uma/laptop",
      get body() {
        return { token: tokens["uma/laptop"] };
      },
      events: () => ["session.created uma"],
    },
  ],
  ["DELETE /session", { as: "uma/laptop", bySession: true, events: () => ["session.ended uma"] }],
  ["GET /ssh-key", { events: () => ["pool_key.created pool_key"] }],
  // These end more than they name.
  ["POST /reservations", reserves(POSTED)],
  ["DELETE /users/{name}", { path: "/users/uma", events: () => ["user.deleted uma", ...ends()] }],
  ["POST /reservations", reserves({ ...POSTED, as: "ADMIN_TOKEN" })],
  [
    "DELETE /machines/{name}",
    {
      path: "/machines/ev-1?force=true",
      events: () => ["machine.removing ev-1", "machine.removed ev-1"],
    },
  ],
];

const GETS_THAT_CHANGE = ["GET /reserve", "GET /release_all", "GET /ssh-key"];

/** All data, except leases and probe times. */
const everything = () =>
  Promise.all(
    [
      "SELECT name, host, port, secret, labels, host_key, state, drained, reservation_id FROM machines ORDER BY id",
      "SELECT id, state, reason, ended_at FROM reservations ORDER BY id",
      "SELECT id, released_at FROM holds ORDER BY id",
      "SELECT * FROM users ORDER BY id",
      "SELECT * FROM tokens ORDER BY id",
      "SELECT id, user_id FROM sessions ORDER BY id",
      "SELECT * FROM settings ORDER BY name",
      "SELECT COUNT(*) FROM events",
    ].map((text) => pool.sql(text)),
  );

test("every endpoint that changes something has a line, and the others change nothing", async () => {
  const { paths } = (await as("ADMIN_TOKEN", "GET", "/swagger/json")).body as { paths: object };
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const change = all.filter((name) => !name.startsWith("GET ") || GETS_THAT_CHANGE.includes(name));
  expect([...new Set(LINES.map(([name]) => name))].sort()).toEqual(change.sort());
  const before = await everything();
  for (const name of all.filter((one) => !change.includes(one))) {
    if (name === "GET /session") continue; // refused with a token, and refusals are recorded
    const answer = await as("ADMIN_TOKEN", "GET", name.slice(4).replace(/\{\w+\}/, "uma"));
    expect([200, 404], name).toContain(answer.status);
  }
  expect(await everything()).toEqual(before);
});

for (const [n, [name, line]] of LINES.entries())
  test(`${n + 1}: ${name} is recorded, or not done`, async () => {
    const [method = "", route = ""] = name.split(" ");
    const path = typeof line.path === "function" ? line.path() : (line.path ?? route);
    const who = line.as ?? "ADMIN_TOKEN";
    const ask = () =>
      call(pool.api, method, path, line.body, line.bySession ? withSession(made.login) : bearer(who));

    const events = `${users.name}.events`;
    const before = await everything();
    await pool.sql(`REVOKE INSERT ON ${events} FROM ${users.program}`);
    const refused = await ask();
    await pool.sql(`GRANT INSERT ON ${events} TO ${users.program}`);
    expect(refused.status).toBe(500);
    expect(refused.body.code).toBe("internal_error");
    expect(await everything()).toEqual(before);

    const [last] = await pool.sql("SELECT COALESCE(MAX(id), 0) AS id FROM events");
    const answer = await ask();
    expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
    if (answer.body.csrf) made.login = { cookie: cookieIn(answer.headers), csrf: answer.body.csrf };
    const rows = (await pool.sql("SELECT * FROM events WHERE id > ? ORDER BY id", [last.id])).filter(
      ({ actor }) => actor !== "scheduler",
    );
    const actions = rows.map(({ action, object }) => `${action} ${object}`);
    expect(line.events(answer.body).filter((one) => !actions.includes(one))).toEqual([]);
    expect([...new Set(rows.map(({ actor }) => actor))]).toEqual([who]);
    const text = JSON.stringify(rows);
    for (const secret of [...Object.values(tokens), machines[0]?.password as string])
      expect(text).not.toContain(secret);
  });

test("the scheduler ends what is over as usual; the program was denied nothing that it needs", async () => {
  const { body } = await as("ADMIN_TOKEN", "POST", "/machines", registers(0).body);
  expect(body.state).toBe("available");
  const { id } = (await as("ADMIN_TOKEN", "POST", "/reservations", { username: "eva", duration: 1 })).body;
  await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) WHERE id = ?", [id]);
  await until("it is recorded as ended by the scheduler", 30_000, async () => {
    const { events } = (await as("ADMIN_TOKEN", "GET", `/events?object=${id}&action=reservation.ended`)).body;
    return events[0]?.actor === "scheduler";
  });
  await until("the machine is offered again", 30_000, async () =>
    (await as("ADMIN_TOKEN", "GET", "/available")).body.available.includes("ev-1"),
  );
  const log = pool.api.log() + pool.scheduler?.log();
  const denied = log.split("\n").filter((one) => one.includes("denied"));
  expect(denied.filter((one) => !/INSERT command denied .*events/.test(one))).toEqual([]);
});
