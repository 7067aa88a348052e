// Every endpoint that changes something writes down what it did, to what, in whose name. A new one without a line fails.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startMachines, type TestMachine } from "../support/machines.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";

setDefaultTimeout(120_000);

const tokens: Record<string, string> = { ADMIN_TOKEN: "the-admins-own-token" };
let pool: TestPool;
let machines: TestMachine[];
/** ids of what a line before has made */
const made = { reservation: "", token: "" };

const as = (who: string, method: string, path: string, body?: unknown) =>
  call(pool.api, method, path, body, { Authorization: `Bearer ${tokens[who]}` });

beforeAll(async () => {
  pool = await startPool(0, { settings: { ADMIN_TOKEN: tokens.ADMIN_TOKEN as string } });
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
  /** the name in the record is that of the token */
  as?: string;
  path?: string | (() => string);
  body?: unknown;
  /** each is "action object", or what comes of it */
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

/** In this order: a line goes on from those before it. */
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
    "DELETE /reservations/{id}",
    {
      as: "uma/laptop",
      path: () => `/reservations/${made.reservation}`,
      events: () => ends("machine.cleaned ev-1"),
    },
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
  // Those that end more than they name.
  ["POST /reservations", reserves(POSTED)],
  ["DELETE /users/{name}", { path: "/users/uma", events: () => ["user.deleted uma", ...ends()] }],
  ["POST /reservations", reserves({ ...POSTED, as: "ADMIN_TOKEN" })],
  [
    "DELETE /machines/{name}",
    {
      path: "/machines/ev-1?force=true",
      events: () => ["machine.removing ev-1", "machine.cleaned ev-1", "machine.removed ev-1"],
    },
  ],
];

test("there is a line for every endpoint that changes something", async () => {
  const { paths } = (await as("ADMIN_TOKEN", "GET", "/swagger/json")).body as { paths: object };
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const change = all.filter(
    (name) => !name.startsWith("GET ") || ["GET /reserve", "GET /release_all"].includes(name),
  );
  expect([...new Set(LINES.map(([name]) => name))].sort()).toEqual(change.sort());
});

for (const [n, [name, line]] of LINES.entries())
  test(`${n + 1}: ${name} is recorded`, async () => {
    const [method = "", route = ""] = name.split(" ");
    const path = typeof line.path === "function" ? line.path() : (line.path ?? route);
    const who = line.as ?? "ADMIN_TOKEN";
    const ask = () => as(who, method, path, line.body);
    const [last] = await pool.sql("SELECT COALESCE(MAX(id), 0) AS id FROM events");
    const answer = await ask();
    expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
    const events = await pool.sql("SELECT * FROM events WHERE id > ? ORDER BY id", [last.id]);
    const told = events.map(({ action, object }) => `${action} ${object}`);
    expect(line.events(answer.body).filter((one) => !told.includes(one))).toEqual([]);
    expect([...new Set(events.map(({ actor }) => actor))]).toEqual([who]);
    const text = JSON.stringify(events);
    for (const secret of [...Object.values(tokens), machines[0]?.password as string])
      expect(text).not.toContain(secret);
  });
