// Routes alone, in process, on a real database and fake machines: each status that they declare.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { openDatabase } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { MachineFault } from "../../pool/accounts/faults.ts";
import { createToken } from "../../pool/identity/tokens.ts";
import { createUser } from "../../pool/identity/users.ts";
import available from "../../routes/available.ts";
import machine from "../../routes/machines/[name].ts";
import reservation from "../../routes/reservations/[id].ts";
import reservations from "../../routes/reservations/index.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-this-test";
let pool: StubPool;
let deps: Deps;
let unreachable: Deps;
let close: () => Promise<void>;
const tokens: Record<string, string> = {};
const bearer = (who: string) => ({ Authorization: `Bearer ${tokens[who]}` });

beforeAll(async () => {
  pool = await startStubPool(3, { ADMIN_TOKEN: ADMIN });
  ({ deps } = pool);
  const nobody = openDatabase("mysql://root@localhost/none?socketPath=/nonexistent/socket");
  unreachable = { ...deps, db: nobody.db, side: nobody.side };
  close = nobody.close;
  tokens.admin = ADMIN;
  const limits = { maxMachines: 2, maxDurationMinutes: null, maxRequestsPerMinute: null };
  for (const [name, role, maxRequestsPerMinute] of [
    ["vera", "viewer", null],
    ["una", "user", null],
    ["rik", "user", 2],
  ] as const) {
    await createUser(deps, name, role, { ...limits, maxRequestsPerMinute }, null);
    tokens[name] = (await createToken(deps, { user: name, name: "t" })).token;
  }
});
afterAll(async () => {
  await close?.();
  await pool?.stop();
});

test("GET /available: 200, 400, 401, 429, 503", async () => {
  const ask = inProcess(available, deps);
  const good = await ask("GET", "/available", undefined, bearer("vera"));
  expect([good.status, good.body]).toEqual([
    200,
    { available: ["stub-1", "stub-2", "stub-3"], reserved: [], unavailable: [] },
  ]);
  expect((await ask("GET", "/available?limit=0", undefined, bearer("vera"))).status).toBe(400);
  const other = await ask("GET", "/available?other=1", undefined, bearer("vera"));
  expect([other.status, other.body.error]).toEqual([400, "other: unknown field"]);
  const unknown = await ask("GET", "/available");
  expect([unknown.status, unknown.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  const rik = () => ask("GET", "/available", undefined, bearer("rik"));
  // More than twice, since the minute may end in the meantime.
  const answers = [await rik(), await rik(), await rik(), await rik(), await rik()];
  expect(answers[0]?.status).toBe(200);
  const limited = answers.find(({ status }) => status === 429);
  expect([limited?.body.code, Number(limited?.headers.get("retry-after"))]).toEqual([
    "rate_limited",
    expect.any(Number),
  ]);
  const down = await inProcess(available, unreachable)("GET", "/available", undefined, bearer("admin"));
  expect([down.status, down.body.code, down.headers.get("retry-after")]).toEqual([
    503,
    "database_unavailable",
    "2",
  ]);
});

test("GET and PATCH /machines/:name: 200, 400, 403, 404, 409, 413, 415", async () => {
  const ask = inProcess(machine, deps);
  const patch = (body: unknown, who = "admin", name = "stub-1") =>
    ask("PATCH", `/machines/${name}`, body, bearer(who));
  expect((await ask("GET", "/machines/stub-1", undefined, bearer("vera"))).body).toMatchObject({
    name: "stub-1",
    user: null,
    last_error: null,
  });
  expect(await patch({ labels: { os: "none" } })).toMatchObject({
    status: 200,
    body: { labels: { os: "none" } },
  });
  expect((await patch({})).status).toBe(400);
  expect((await patch({ drained: true }, "vera")).body.code).toBe("forbidden");
  expect((await patch({ drained: true }, "admin", "none")).body.code).toBe("machine_not_found");
  expect((await patch(`{"labels":{"a":"${"x".repeat(70_000)}"}}`)).status).toBe(413);
  const form = { ...bearer("admin"), "Content-Type": "text/plain" };
  expect((await ask("PATCH", "/machines/stub-1", "a", form)).status).toBe(415);
  await pool.sql("UPDATE machines SET state = 'removing' WHERE name = 'stub-3'");
  expect((await patch({ drained: true }, "admin", "stub-3")).body.code).toBe("machine_held");
  await pool.sql("UPDATE machines SET state = 'available' WHERE name = 'stub-3'");
});

test("POST /reservations, GET and DELETE /reservations/:id: 201, 200, 400, 403, 404, 409, 503", async () => {
  const ask = inProcess(reservations, deps);
  const one = inProcess(reservation, deps);
  const reserve = (body: unknown, who = "una", key?: string) =>
    ask("POST", "/reservations", body, { ...bearer(who), ...(key ? { "Idempotency-Key": key } : {}) });
  const made = await reserve({ username: "una", count: 2 }, "una", "k");
  expect([made.status, made.body.user, made.body.machines.length]).toEqual([201, "una", 2]);
  expect(await reserve({ username: "una", count: 2 }, "una", "k")).toMatchObject({
    status: 201,
    body: made.body,
  });
  expect((await reserve({ username: "una", count: 1 }, "una", "k")).body.code).toBe("idempotency_key_reused");
  expect((await reserve({ username: "root" })).body.details[0].field).toBe("username");
  expect((await reserve({ username: "una" }, "vera")).body.code).toBe("forbidden");
  expect((await reserve({ username: "una" })).body.code).toBe("limit_reached");
  expect((await reserve({ username: "zoe", count: 2 }, "admin")).body.code).toBe("not_enough_machines");

  // The remaining one does not answer, and there is no replacement.
  const port = 1 + [1, 2, 3].findIndex((n) => !JSON.stringify(made.body.machines).includes(`stub-${n}`));
  pool.creates.set(port, () => {
    throw new MachineFault("unreachable", "its own words");
  });
  const down = await reserve({ username: "zoe" }, "admin");
  expect([down.status, down.body.code, down.body.error]).toEqual([
    503,
    "machines_unreachable",
    "No machine could be prepared: its own words",
  ]);
  pool.creates.clear();

  const path = `/reservations/${made.body.id}`;
  const { password: _, ...shown } = made.body;
  expect(await one("GET", path, undefined, bearer("una"))).toMatchObject({ status: 200, body: shown });
  expect((await one("GET", path, undefined, bearer("admin"))).status).toBe(200);
  await createUser(
    deps,
    "ulf",
    "user",
    { maxMachines: null, maxDurationMinutes: null, maxRequestsPerMinute: null },
    null,
  );
  tokens.ulf = (await createToken(deps, { user: "ulf", name: "t" })).token;
  // They can't see another user's.
  expect((await one("GET", path, undefined, bearer("ulf"))).body.code).toBe("reservation_not_found");
  expect((await one("DELETE", path, undefined, bearer("vera"))).status).toBe(403);
  expect(await one("DELETE", path, undefined, bearer("una"))).toMatchObject({
    status: 200,
    body: { message: "Reservation released", pending: [] },
  });
  expect((await one("DELETE", path, undefined, bearer("una"))).status).toBe(404);
});

test("an unexpected error is a 500 that says only the request's id", async () => {
  const broken = { ...deps, accounts: {} as Deps["accounts"], log: () => {} };
  const { status, body } = await inProcess(reservations, broken)(
    "POST",
    "/reservations",
    { username: "una" },
    bearer("admin"),
  );
  expect([status, body.code, Object.keys(body)]).toEqual([500, "internal_error", ["error", "code"]]);
  expect(body.error).toMatch(/^Something went wrong on our side; look for request [\w-]{36} in the log$/);
});
