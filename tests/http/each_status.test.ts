// Each operation of the API returns each status that docs/openapi.json promises: in process, on a real database, with fake
// machines. Specific cases are in CASES; what is the same everywhere is tested everywhere.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import { openDatabase } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { MachineFault } from "../../pool/accounts/faults.ts";
import { createToken } from "../../pool/identity/tokens.ts";
import { createUser } from "../../pool/identity/users.ts";
import { type Answer, inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-this-test";
const NO_LIMITS = { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null };
const PASSWORD = "a password of this test";

let pool: StubPool;
let ask: ReturnType<typeof inProcess>;
let askWithoutDatabase: typeof ask;
let askOpen: typeof ask;
let close: () => Promise<void>;
const tokens: Record<string, string> = { admin: ADMIN };
const as = (who: string) => ({ Authorization: `Bearer ${tokens[who]}` });

beforeAll(async () => {
  pool = await startStubPool(4, { ADMIN_TOKEN: ADMIN });
  const { deps } = pool;
  const gone = openDatabase("mysql://root@localhost/none?socketPath=/nonexistent/socket");
  close = gone.close;
  const quiet: Deps = { ...deps, log: () => {} };
  ask = inProcess(app, quiet);
  askWithoutDatabase = inProcess(app, { ...quiet, db: gone.db, side: gone.side });
  askOpen = inProcess(app, { ...quiet, adminToken: "" });
  for (const [name, role, most] of [
    ["vera", "viewer", null],
    ["una", "user", null],
    ["rik", "admin", 1],
  ] as const) {
    await createUser(deps, name, role, { ...NO_LIMITS, maxRequestsPerMinute: most }, PASSWORD);
    tokens[name] = (await createToken(deps, { user: name, name: "t" })).token;
  }
});
afterAll(async () => {
  await close?.();
  await pool?.stop();
});

const { paths } = await Bun.file(new URL("../../docs/openapi.json", import.meta.url)).json();
interface Operation {
  id: string;
  method: string;
  path: string;
  statuses: number[];
}
const operations: Operation[] = Object.entries<Record<string, { operationId: string; responses: object }>>(
  paths,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, responses }]) => ({
    id: operationId,
    method: method.toUpperCase(),
    path: path.replace(/\{\w+\}/g, "none"),
    statuses: Object.keys(responses).map(Number),
  })),
);

type Sent = [method: string, path: string, body?: unknown, headers?: Record<string, string>];
const send = (...[method, path, body, headers]: Sent) => ask(method, path, body, headers ?? as("admin"));

async function reserve(body: object = {}): Promise<string> {
  const made = await send("POST", "/reservations", { username: "una", ...body });
  expect(made.status).toBe(201);
  return made.body.id;
}
const session = async () => {
  const made = await ask("POST", "/session", { user: "una", password: PASSWORD });
  const cookie = made.headers.get("set-cookie")?.split(";")[0] ?? "";
  return { Cookie: cookie, "X-CSRF-Token": made.body.csrf };
};
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const aSeries = () => ({
  username: "una",
  rrule: "FREQ=WEEKLY;COUNT=2",
  starts_at: new Date(Date.now() + 7 * 24 * 3600_000).toISOString().slice(0, 16),
  time_zone: "UTC",
});
async function makeSeries(): Promise<string> {
  const made = await send("POST", "/series", aSeries());
  expect(made.status).toBe(201);
  return made.body.id;
}
const newMachine = { name: "new", host: "127.0.0.1", port: 77, password: "x" };

/** How to get each status, by operation. Those that change something restore it. */
const CASES: Record<string, Record<number, () => Promise<Answer>>> = {
  reserve: {
    200: () => send("GET", "/reserve?username=una"),
    async 202() {
      const answer = await send("GET", `/reserve?username=una&starts_at=${inAnHour()}`);
      expect(answer.headers.get("location")).toBe(`/reservations/${answer.body.id}`);
      await send("DELETE", `/reservations/${answer.body.id}`);
      return answer;
    },
    409: () => send("GET", "/reserve?username=una&count=99"),
  },
  releaseAll: { 200: () => send("GET", "/release_all") },
  postReleaseAll: { 200: () => send("POST", "/release_all") },
  registerMachine: {
    200: () => send("POST", "/machines?dry_run=true", newMachine),
    201: () => send("POST", "/machines", newMachine),
    409: () => send("POST", "/machines", newMachine),
  },
  getMachine: { 200: () => send("GET", "/machines/stub-1") },
  changeMachine: {
    200: () => send("PATCH", "/machines/stub-1", { labels: { a: "b" } }),
    404: () => send("PATCH", "/machines/none", { drained: true }),
    async 409() {
      await pool.sql("UPDATE machines SET state = 'removing' WHERE name = 'stub-2'");
      const answer = await send("PATCH", "/machines/stub-2", { drained: true });
      await pool.sql("UPDATE machines SET state = 'available' WHERE name = 'stub-2'");
      return answer;
    },
  },
  removeMachine: {
    200: () => send("DELETE", "/machines/new"),
    async 409() {
      const id = await reserve();
      const { machines } = (await send("GET", `/reservations/${id}`)).body;
      const answer = await send("DELETE", `/machines/${machines[0].machine}`);
      await send("POST", "/release_all");
      return answer;
    },
  },
  createReservation: {
    async 200() {
      const answer = await send("POST", "/reservations?dry_run=true", { username: "una", count: 2 });
      expect(answer.body).toMatchObject({ reason: null, machines: [expect.any(String), expect.any(String)] });
      return answer;
    },
    async 202() {
      await send("POST", "/release_all");
      await send("POST", "/reservations", { username: "una", machines: ["stub-1"] });
      const answer = await send("POST", "/reservations", { username: "una", machines: ["stub-1"], wait: 90 });
      expect(answer.headers.get("location")).toBe(`/reservations/${answer.body.id}`);
      await send("DELETE", `/reservations/${answer.body.id}`);
      await send("POST", "/release_all");
      return answer;
    },
    async 201() {
      const answer = await send("POST", "/reservations", { username: "una" });
      await send("POST", "/release_all");
      return answer;
    },
    409: () => send("POST", "/reservations", { username: "una", count: 99 }),
  },
  extendReservation: {
    async 200() {
      const id = await reserve();
      const dry = await send("POST", `/reservations/${id}/extend?dry_run=true`, { minutes: 30 });
      const answer = await send("POST", `/reservations/${id}/extend`, { minutes: 30 });
      expect(answer.body.ends_at).toBe(dry.body.ends_at);
      expect(Object.keys(dry.body)).toEqual(["ends_at", "longest_end", "reason"]);
      await send("POST", "/release_all");
      return answer;
    },
    async 409() {
      const id = await reserve();
      await send("DELETE", `/reservations/${id}`);
      return send("POST", `/reservations/${id}/extend`, { minutes: 30 });
    },
    404: () => send("POST", "/reservations/none/extend", { minutes: 30 }),
  },
  getReservation: {
    async 200() {
      const answer = await send("GET", `/reservations/${await reserve()}`);
      await send("POST", "/release_all");
      return answer;
    },
  },
  releaseReservation: {
    200: async () => send("DELETE", `/reservations/${await reserve()}`),
    async 202() {
      const id = await reserve();
      const { clean } = pool.deps.accounts;
      pool.deps.accounts.clean = () => Promise.reject(new MachineFault("leftovers", "still there"));
      const answer = await send("DELETE", `/reservations/${id}`);
      pool.deps.accounts.clean = clean;
      expect((await send("DELETE", `/reservations/${id}`)).status).toBe(200);
      return answer;
    },
  },
  ...Object.fromEntries(
    ["ssh_config", "known_hosts"].map((file, n) => [
      ["getSshConfig", "getKnownHosts"][n],
      {
        async 200() {
          const answer = await send("GET", `/reservations/${await reserve()}/${file}`);
          await send("POST", "/release_all");
          return answer;
        },
        async 409() {
          const id = await reserve();
          await send("DELETE", `/reservations/${id}`);
          return send("GET", `/reservations/${id}/${file}`);
        },
      },
    ]),
  ),
  getProof: {
    async 200() {
      const id = await reserve();
      await send("DELETE", `/reservations/${id}`);
      return send("GET", `/reservations/${id}/proof`);
    },
    async 409() {
      const id = await reserve();
      const answer = await send("GET", `/reservations/${id}/proof`);
      await send("DELETE", `/reservations/${id}`);
      return answer;
    },
  },
  releaseMachines: {
    async 200() {
      const id = await reserve({ count: 2 });
      const answer = await send("POST", `/reservations/${id}/release`, { machines: ["node1"] });
      expect(answer.body.machines).toHaveLength(1);
      await send("POST", "/release_all");
      return answer;
    },
    async 202() {
      const id = await reserve();
      const { clean } = pool.deps.accounts;
      pool.deps.accounts.clean = () => Promise.reject(new MachineFault("leftovers", "still there"));
      const answer = await send("POST", `/reservations/${id}/release`, { machines: ["node1"] });
      pool.deps.accounts.clean = clean;
      expect((await send("DELETE", `/reservations/${id}`)).status).toBe(200);
      return answer;
    },
    404: () => send("POST", "/reservations/none/release", { machines: ["node1"] }),
    async 409() {
      const full = await reserve({ count: 4 });
      const queued = await send("POST", "/reservations", { username: "una", wait: 100 });
      expect(queued.status, JSON.stringify(queued.body)).toBe(202);
      const { id } = queued.body;
      const answer = await send("POST", `/reservations/${id}/release`, { machines: ["node1"] });
      for (const one of [id, full]) await send("DELETE", `/reservations/${one}`);
      return answer;
    },
  },
  createSeries: {
    200: () => send("POST", "/series?dry_run=true", aSeries()),
    async 201() {
      const answer = await send("POST", "/series", aSeries());
      await send("DELETE", `/series/${answer.body.id}`);
      return answer;
    },
    409: () => send("POST", "/series", { ...aSeries(), count: 99 }),
  },
  getSeries: {
    200: async () => send("GET", `/series/${await makeSeries()}`),
  },
  endSeries: {
    200: async () => send("DELETE", `/series/${await makeSeries()}`),
  },
  createUser: {
    201: () => send("POST", "/users", { name: "nan" }),
    409: () => send("POST", "/users", { name: "nan" }),
  },
  changeUser: {
    200: () => send("PATCH", "/users/nan", { role: "viewer" }),
    404: () => send("PATCH", "/users/none", { role: "viewer" }),
  },
  createToken: {
    201: () => send("POST", "/tokens", { user: "una", name: "laptop" }),
    404: () => send("POST", "/tokens", { user: "none", name: "laptop" }),
  },
  revokeToken: {
    async 200() {
      const made = await send("POST", "/tokens", { user: "una", name: "phone" });
      return send("DELETE", `/tokens/${made.body.id}`);
    },
  },
  deleteUser: { 200: () => send("DELETE", "/users/nan") },
  getSession: {
    200: async () => ask("GET", "/session", undefined, await session()),
    503: async () => askWithoutDatabase("GET", "/session", undefined, await session()),
  },
  logIn: {
    201: () => ask("POST", "/session", { user: "una", password: PASSWORD }),
    401: () => ask("POST", "/session", { user: "una", password: "another password" }),
    403: () =>
      ask("POST", "/session", { user: "una", password: PASSWORD }, { Origin: "https://evil.example" }),
    async 429() {
      const wrong = () => ask("POST", "/session", { user: "none", password: "a wrong password" });
      for (let n = 0; n < 10; n++) await wrong();
      return wrong();
    },
    503: () => askWithoutDatabase("POST", "/session", { user: "una", password: PASSWORD }),
  },
  logOut: {
    200: async () => ask("DELETE", "/session", undefined, await session()),
    503: async () => askWithoutDatabase("DELETE", "/session", undefined, await session()),
  },
};

/** The database goes at the last moment: tests/faults/database.test.ts cuts that connection for real. */
const ELSEWHERE = [504];

/** What is the same for every operation. */
const EVERYWHERE: Record<number, (one: Operation) => Promise<Answer>> = {
  200: ({ method, path }) => send(method, path),
  400: ({ method, path }) => send(method, path, undefined, { ...as("admin"), Host: "not a host" }),
  401: ({ method, path }) => ask(method, path),
  // Every role may call this, so the refused request is one from another site's page, on an open API.
  403: async ({ method, path }) => {
    const refused = await ask(method, path, undefined, as("vera"));
    return refused.status === 403 ? refused : askOpen(method, path, undefined, { Host: "evil.example" });
  },
  404: ({ method, path }) => send(method, path),
  413: ({ method, path }) => send(method, path, { name: "x".repeat(70_000) }),
  415: ({ method, path }) => send(method, path, "x=1", { ...as("admin"), "Content-Type": "text/plain" }),
  async 429({ method, path }) {
    // When a minute ends, one more gets through; it is refused anyway, or changes nothing.
    const bad = `${path}?unknown=1`;
    for (let n = 0; n < 3; n++) {
      const answer = await ask(method, bad, undefined, as("rik"));
      if (answer.status === 429) return answer;
    }
    throw new Error(`${method} ${path} is never limited`);
  },
  503: ({ method, path, id }) =>
    askWithoutDatabase(method, id === "reserve" ? `${path}?username=una` : path, bodyOf(id), as("admin")),
};

/** A valid body, if needed to get as far as the database. */
function bodyOf(id: string): unknown {
  const bodies: Record<string, unknown> = {
    registerMachine: newMachine,
    changeMachine: { drained: true },
    createReservation: { username: "una" },
    extendReservation: { minutes: 30 },
    releaseMachines: { machines: ["node1"] },
    createSeries: aSeries(),
    createUser: { name: "nan" },
    changeUser: { role: "viewer" },
    createToken: { user: "una", name: "t" },
  };
  return bodies[id];
}

test("the document promises something", () => expect(operations.length).toBeGreaterThan(25));

for (const one of operations)
  test(`${one.method} ${one.path}: ${one.statuses.join(" ")}`, async () => {
    for (const status of one.statuses.filter((status) => !ELSEWHERE.includes(status))) {
      const particular = CASES[one.id]?.[status];
      const general = EVERYWHERE[status];
      if (!particular && !general) throw new Error(`no way to get ${status} of ${one.id}`);
      const answer = await (particular ? particular() : general?.(one));
      expect(`${status}: ${answer?.status} ${JSON.stringify(answer?.body)}`).toStartWith(
        `${status}: ${status}`,
      );
      if (status >= 400 && answer?.body) expect(Object.keys(answer.body)).toContain("code");
    }
  });

test("what the events of all this say is named as the rest of the API is", async () => {
  const events = (await send("GET", "/events?limit=1000")).body.events;
  expect(new Set(events.map(({ action }: { action: string }) => action)).size).toBeGreaterThan(10);
  const names = (details: object): string[] =>
    Object.entries(details).flatMap(([name, value]) =>
      typeof value === "object" && value !== null && name !== "labels" ? [name, ...names(value)] : [name],
    );
  const all: string[] = events.flatMap(({ details }: { details: object }) => names(details));
  expect(all).toContain("max_requests_per_minute");
  expect(all.filter((name) => !/^[a-z0-9_]+$/.test(name))).toEqual([]);
});
