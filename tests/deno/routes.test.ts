// Under Deno, each route's file is a complete server, does its real work, and answers as it does under Bun, on the same
// database.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { freePort, startMachines, stopAllMachines, type TestMachine } from "../support/machines.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "../support/program.ts";
import { run } from "../support/run.ts";
import { logIn, withSession } from "../support/session.ts";
import { canLogIn } from "../support/ssh.ts";
import { listen } from "../support/stream.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "../..");
let settings: Settings;
let bun: Program;
let machines: TestMachine[];
const served = new Set<() => Promise<void>>();

beforeAll(async () => {
  if (!Bun.which("deno")) throw new Error("Deno is missing; install it with: just setup --tests");
  settings = await newSettings();
  [bun, machines] = await Promise.all([startProgram(settings), startMachines(2, { prefix: "deno-" })]);
  expect((await call(bun, "POST", "/machines", newMachine(0))).status).toBe(201);
});
afterEach(async () => {
  for (const stop of served) await stop();
});
afterAll(async () => {
  await bun?.stop();
  await stopAllMachines();
});

function newMachine(index: number) {
  const { name, host, port, user, password } = machines[index] as TestMachine;
  return { name, host, port, user, password };
}

/** Serves a single file of routes/. @param allowed its permissions under Deno, besides listening */
async function serve(file: string, allowed: string[]): Promise<{ url: string }> {
  const port = await freePort();
  const flags = [
    `--port=${port}`,
    "--host=127.0.0.1",
    "--no-prompt",
    "--cached-only",
    "--allow-env",
    ...allowed,
  ];
  const child = Bun.spawn(["deno", "serve", ...flags, `routes/${file}`], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", NO_COLOR: "1", ...settings },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    kill();
    await child.exited;
    process.off("exit", kill);
    served.delete(stop);
  };
  served.add(stop);
  const url = `http://127.0.0.1:${port}`;
  await until(`deno serves routes/${file}`, 30_000, async () => {
    if (child.exitCode !== null) throw new Error(await new Response(child.stderr).text());
    return fetch(url).then(
      () => true,
      () => false,
    );
  });
  return { url };
}

/** Sends the request to both, and returns both responses. */
async function both(deno: { url: string }, ...request: [method: string, path: string, body?: unknown]) {
  const [one, other] = await Promise.all([call(deno, ...request), call(bun, ...request)]);
  const { status, body } = one;
  expect({ status, body }).toEqual({ status: other.status, body: other.body });
  // Bun adds a charset.
  expect(other.headers.get("content-type")).toStartWith(one.headers.get("content-type") as string);
  return { status, body };
}

/** The database's socket, and the scripts that are run on machines. */
function poolNeeds(): string[] {
  const socket = new URL(settings.DATABASE_URL).searchParams.get("socketPath");
  return [
    `--allow-net=unix:${socket},127.0.0.1`,
    `--allow-read=pool/accounts/scripts,${socket}`,
    `--allow-write=${socket}`,
  ];
}
/** The argon2id library is native code, which inspects the system to find its file. */
const argonNeeds = () => [...poolNeeds(), "--allow-ffi", "--allow-sys"];

type Deno = { url: string };

/** What each route does under Deno: its real work, not just starting. They share one pool, in this order. */
const ROUTES: Record<string, { may?: () => string[]; work(deno: Deno): Promise<void> }> = {
  "healthz.ts": {
    may: () => [],
    async work(deno) {
      expect(await both(deno, "GET", "/healthz")).toEqual({ status: 200, body: { status: "ok" } });
      expect((await both(deno, "GET", "/nothing")).status).toBe(404);
    },
  },
  "readyz.ts": {
    async work(deno) {
      expect(await both(deno, "GET", "/readyz")).toEqual({ status: 200, body: { status: "ready" } });
    },
  },
  "available.ts": {
    async work(deno) {
      expect(await both(deno, "GET", "/available")).toMatchObject({
        status: 200,
        body: { available: ["deno-1"], reserved: [], unavailable: [] },
      });
      expect((await both(deno, "GET", "/available?limit=0x1")).status).toBe(400);
      expect((await both(deno, "GET", "/available?limit=1&limit=1")).status).toBe(400);
    },
  },
  "queue.ts": {
    async work(deno) {
      expect(await both(deno, "GET", "/queue")).toEqual({ status: 200, body: { queue: [] } });
    },
  },
  "calendar.ts": {
    async work(deno) {
      const range = "from=2026-09-02T13:00:00Z&to=2026-09-03T13:00:00Z";
      expect(await both(deno, "GET", `/calendar?${range}`)).toMatchObject({
        status: 200,
        body: { machines: [{ machine: "deno-1", commitments: [] }] },
      });
      expect((await both(deno, "GET", "/calendar?from=yesterday")).status).toBe(400);
    },
  },
  // With a real machine registered over SSH.
  "machines/index.ts": {
    async work(deno) {
      const made = await call(deno, "POST", "/machines", newMachine(1));
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({ name: "deno-2", state: "available" });
      expect(made.body).toEqual((await call(bun, "GET", "/machines/deno-2")).body);

      const list = await both(deno, "GET", "/machines");
      expect(list.body.machines.map((one: { name: string }) => one.name)).toEqual(["deno-1", "deno-2"]);
      const { next } = (await both(deno, "GET", "/machines?limit=1")).body;
      expect((await both(deno, "GET", `/machines?cursor=${next}`)).body.machines).toEqual(
        list.body.machines.slice(1),
      );
      expect(await both(deno, "POST", "/machines", { ...newMachine(0), port: 0 })).toMatchObject({
        status: 400,
        body: { code: "invalid_request", details: [{ field: "port" }] },
      });
      expect((await both(deno, "POST", "/machines", "{")).body.code).toBe("invalid_json");
      expect((await both(deno, "POST", "/machines", newMachine(0))).body.code).toBe("machine_exists");
    },
  },
  "machines/[name].ts": {
    async work(deno) {
      await both(deno, "GET", "/machines/deno-2");
      expect(
        (await call(deno, "PATCH", "/machines/deno-2", { labels: { os: "linux" } })).body.labels,
      ).toEqual({
        os: "linux",
      });
      const url = new URL(settings.DATABASE_URL);
      const db = await createConnection({
        socketPath: url.searchParams.get("socketPath") ?? "",
        user: "root",
        database: url.pathname.slice(1),
      });
      // Another worker is on it for a second.
      await db.query(
        `UPDATE machines SET state = 'quarantined', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, lease_worker = UUID(),
           lease_until = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND WHERE name = 'deno-2'`,
      );
      await db.end();
      expect((await call(deno, "PATCH", "/machines/deno-2", { retry: true })).body.state).toBe("available");
      expect(await call(deno, "DELETE", "/machines/deno-2")).toMatchObject({
        status: 200,
        body: { clean: true },
      });
      expect((await both(deno, "GET", "/machines/deno-2")).body.code).toBe("machine_not_found");
    },
  },
  "reserve.ts": {
    async work(deno) {
      const { status, body } = await call(deno, "GET", "/reserve?username=rita&password=a-pass&duration=5");
      expect([status, body.state, body.machines.length]).toEqual([200, "active", 1]);
      const login = { port: body.machines[0].port, username: "rita", password: "a-pass" };
      expect(await canLogIn(login)).toBe(true);
      await call(bun, "DELETE", `/reservations/${body.id}`);
      expect(await canLogIn(login)).toBe(false);
      expect((await both(deno, "GET", "/reserve?username=rita&count=9")).body.code).toBe("never_enough");
    },
  },
  "reservations/index.ts": {
    async work(deno) {
      const made = await call(deno, "POST", "/reservations", { username: "rose" });
      expect([made.status, made.body.password?.length]).toEqual([201, 22]);
      const { body } = await call(deno, "GET", "/reservations");
      expect(body.reservations).toMatchObject([{ id: made.body.id, ends_at: made.body.ends_at }]);
      await call(bun, "DELETE", `/reservations/${made.body.id}`);
      expect((await both(deno, "GET", "/reservations")).body).toEqual({ reservations: [] });
      expect((await both(deno, "POST", "/reservations", {})).body.details).toMatchObject([
        { field: "username" },
      ]);
    },
  },
  "reservations/[id]/extend.ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", { username: "rex", duration: 5 });
      const { status, body } = await call(deno, "POST", `/reservations/${made.id}/extend`, { minutes: 5 });
      expect(status).toBe(200);
      expect(Date.parse(body.ends_at) - Date.parse(made.ends_at)).toBe(300_000);
      await call(bun, "DELETE", `/reservations/${made.id}`);
      expect((await both(deno, "POST", `/reservations/${made.id}/extend`, { minutes: 5 })).body.code).toBe(
        "cannot_extend",
      );
    },
  },
  "reservations/[id].ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", {
        username: "rolf",
        password: "a-pass",
      });
      expect((await both(deno, "GET", `/reservations/${made.id}`)).body).toEqual(made);
      expect(await call(deno, "DELETE", `/reservations/${made.id}`)).toMatchObject({
        status: 200,
        body: { released: ["deno-1"], pending: [] },
      });
      expect((await both(deno, "DELETE", `/reservations/${made.id}`)).body.code).toBe(
        "reservation_not_found",
      );
    },
  },
  "series/index.ts": {
    async work(deno) {
      const every = { username: "rudi", rrule: "FREQ=WEEKLY", time_zone: "Europe/Paris" };
      const made = await call(deno, "POST", "/series", { ...every, starts_at: "2026-09-02T13:00" });
      expect([made.status, made.headers.get("location")]).toEqual([201, `/series/${made.body.id}`]);
      expect(made.body.occurrences.length).toBeGreaterThan(10);
      expect((await both(deno, "GET", "/series")).body.series).toMatchObject([{ id: made.body.id }]);
      expect((await call(bun, "DELETE", `/series/${made.body.id}`)).status).toBe(200);
      const wrong = await both(deno, "POST", "/series", { ...every, starts_at: "2026-09-02T13:00Z" });
      expect(wrong.body.details).toMatchObject([{ field: "starts_at" }]);
    },
  },
  "series/[id].ts": {
    async work(deno) {
      const every = { username: "rudi", rrule: "FREQ=WEEKLY;BYDAY=WE", time_zone: "America/New_York" };
      const { body: made } = await call(bun, "POST", "/series", { ...every, starts_at: "2026-09-02T13:00" });
      expect((await both(deno, "GET", `/series/${made.id}`)).body).toEqual(made);
      const { body } = await call(deno, "DELETE", `/series/${made.id}`);
      expect(body.released).toHaveLength(made.occurrences.length);
      expect((await both(deno, "DELETE", `/series/${made.id}`)).body.code).toBe("series_not_found");
    },
  },
  "reservations/[id]/release.ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", { username: "rita" });
      const path = `/reservations/${made.id}/release`;
      expect((await both(deno, "POST", path, { machines: ["node2"] })).body.code).toBe("machine_not_found");
      expect((await call(deno, "POST", path, { machines: ["node1"] })).body).toMatchObject({
        released: [made.machines[0].machine],
        machines: [],
      });
      await both(deno, "POST", path, { machines: ["node1"] });
    },
  },
  "reservations/[id]/ssh_config.ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", { username: "rosa" });
      const { body } = await both(deno, "GET", `/reservations/${made.id}/ssh_config`);
      expect(body).toContain(`Host node1\n  HostName 127.0.0.1\n  Port ${made.machines[0].port}\n`);
      await call(bun, "DELETE", `/reservations/${made.id}`);
    },
  },
  "reservations/[id]/known_hosts.ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", { username: "rosa" });
      const { body } = await both(deno, "GET", `/reservations/${made.id}/known_hosts`);
      expect(body).toStartWith(`${made.machines[0].machine} ssh-`);
      await call(bun, "DELETE", `/reservations/${made.id}`);
      await both(deno, "GET", `/reservations/${made.id}/known_hosts`);
    },
  },
  "reservations/[id]/proof.ts": {
    async work(deno) {
      const { body: made } = await call(bun, "POST", "/reservations", { username: "rosa" });
      const path = `/reservations/${made.id}/proof`;
      expect((await both(deno, "GET", path)).body.code).toBe("reservation_not_over");
      await call(bun, "DELETE", `/reservations/${made.id}`);
      expect((await both(deno, "GET", path)).body.machines).toMatchObject([{ slot: "node1" }]);
    },
  },
  "release_all.ts": {
    async work(deno) {
      for (const method of ["GET", "POST"]) {
        expect((await call(bun, "POST", "/reservations", { username: "ruth" })).status).toBe(201);
        expect((await call(deno, method, "/release_all")).body).toEqual({
          message: "All machines released",
          released: 1,
          failed: [],
        });
      }
      expect((await both(deno, "POST", "/release_all")).body).toEqual({ message: "No machines to release." });
      // As curl sends it: with no body, and no length of one, which fetch adds.
      const json = ["-H", "Content-Type: application/json"];
      for (const more of [[], json])
        for (const { url } of [deno, bun]) {
          const { stdout } = await run(["curl", "-sS", "-X", "POST", ...more, `${url}/release_all`]);
          expect(stdout).toBe('{"message":"No machines to release."}');
        }
      // A body of another type is still refused, with a length or without.
      for (const chunked of [[], ["-H", "Transfer-Encoding: chunked"]])
        for (const { url } of [deno, bun]) {
          const { stdout } = await run(["curl", "-sS", "-d", "a=b", ...chunked, `${url}/release_all`]);
          expect(JSON.parse(stdout).code).toBe("unsupported_media_type");
        }
    },
  },
  "ssh-key.ts": {
    async work(deno) {
      // Made here, on first use; then both have the same one.
      const { status, body } = await call(deno, "GET", "/ssh-key");
      expect([status, body.public_key]).toEqual([200, expect.stringMatching(/^ssh-ed25519 AAAA/)]);
      expect((await both(deno, "GET", "/ssh-key")).body).toEqual(body);
    },
  },
  "users/index.ts": {
    may: argonNeeds,
    async work(deno) {
      const dora = { name: "dora", password: "a password of dora's" };
      expect((await call(deno, "POST", "/users", dora)).status).toBe(201);
      expect((await both(deno, "GET", "/users")).body.users).toMatchObject([
        { name: "dora", has_password: true },
      ]);
      expect((await both(deno, "POST", "/users", dora)).body.code).toBe("user_exists");
      // Bun accepts the password that Deno hashed.
      expect((await call(bun, "POST", "/session", { user: "dora", password: dora.password })).status).toBe(
        201,
      );
    },
  },
  "users/[name].ts": {
    may: argonNeeds,
    async work(deno) {
      await call(bun, "POST", "/users", { name: "carl" });
      const change = { role: "viewer", password: "a password of carl's" };
      expect((await call(deno, "PATCH", "/users/carl", change)).body).toMatchObject({
        role: "viewer",
        has_password: true,
      });
      expect((await call(deno, "DELETE", "/users/carl")).status).toBe(200);
      expect((await both(deno, "DELETE", "/users/carl")).body.code).toBe("user_not_found");
    },
  },
  "tokens/index.ts": {
    async work(deno) {
      await call(bun, "POST", "/users", { name: "tess" });
      const { status, body } = await call(deno, "POST", "/tokens", { user: "tess", name: "laptop", days: 1 });
      expect([status, body.token?.slice(0, 3)]).toEqual([201, "mm_"]);
      expect((await both(deno, "GET", "/tokens")).body.tokens).toMatchObject([{ id: body.id, user: "tess" }]);
    },
  },
  "tokens/[id].ts": {
    async work(deno) {
      await call(bun, "POST", "/users", { name: "theo" });
      const { body } = await call(bun, "POST", "/tokens", { user: "theo", name: "laptop" });
      expect((await call(deno, "DELETE", `/tokens/${body.id}`)).status).toBe(200);
      expect((await both(deno, "DELETE", `/tokens/${body.id}`)).body.code).toBe("token_not_found");
    },
  },
  "session.ts": {
    may: argonNeeds,
    async work(deno) {
      const dina = { name: "dina", password: "a password of dina's" };
      expect((await call(bun, "POST", "/users", dina)).status).toBe(201);
      const bad = { user: "dina", password: "not her password" };
      expect((await both(deno, "POST", "/session", bad)).body.code).toBe("login_failed");
      expect((await both(deno, "POST", "/session", { ...bad, user: "nobody" })).status).toBe(401);

      const session = await logIn(deno, { user: "dina", password: dina.password });
      const look = (at: Deno) => call(at, "GET", "/session", undefined, { Cookie: session.cookie });
      const [one, other] = [await look(deno), await look(bun)];
      expect(one.body).toMatchObject({ user: "dina", csrf: session.csrf });
      expect(other.body).toEqual(one.body);
      const logOut = (headers: Record<string, string>) =>
        call(deno, "DELETE", "/session", undefined, headers);
      expect((await logOut({ Cookie: session.cookie })).body.code).toBe("csrf");
      expect((await logOut(withSession(session))).status).toBe(200);
      expect([(await look(deno)).status, (await look(bun)).status]).toEqual([401, 401]);
    },
  },
  "events.ts": {
    async work(deno) {
      const { events, next } = (await both(deno, "GET", "/events?action=machine.registered&limit=1")).body;
      expect(events).toMatchObject([{ action: "machine.registered", actor: "open" }]);
      expect(next).toBeString();
      await both(deno, "GET", `/events?action=machine.registered&cursor=${next}`);
      const lines = (await both(deno, "GET", "/events?action=machine.registered&format=csv")).body;
      expect(lines).toContain(",machine.registered,");
    },
  },
  "usage.ts": {
    async work(deno) {
      const { body } = await both(deno, "GET", "/usage?by=day&from=2026-01-01T00:00Z&to=2026-01-03T00:00Z");
      expect(body.rows).toMatchObject([{ day: "2026-01-01" }, { day: "2026-01-02" }]);
      expect((await both(deno, "GET", "/usage?by=label")).body.details[0].field).toBe("label");
      const lines = (await both(deno, "GET", "/usage?by=day&to=2026-01-03T00:00Z&format=csv")).body;
      expect(lines).toStartWith("day,machine_hours,");
    },
  },
  "stream.ts": {
    async work(deno) {
      expect((await both(deno, "GET", "/stream?cursor=x")).status).toBe(400);
      const streams = [deno, bun].map((at) => listen(at));
      await Promise.all(streams.map((stream) => stream.ready()));
      await call(bun, "POST", "/users", { name: "stella" });
      for (const stream of streams)
        await until("it was told", 10_000, () => stream.objects().includes("stella"));
      const [one, other] = streams.map(({ messages }) => messages.map(({ data }) => data));
      expect(one).toEqual(other as object[]);
      await Promise.all(streams.map((stream) => stream.stop()));
      // What happens while nobody is there is told to whoever goes on, at the other one too.
      await call(bun, "POST", "/users", { name: "stefan" });
      for (const [at, last] of [
        [deno, streams[1]],
        [bun, streams[0]],
      ] as const) {
        const again = listen(at, { headers: { "Last-Event-ID": last?.state.id ?? "" } });
        await until("it was told", 10_000, () => again.objects().includes("stefan"));
        expect(again.objects()).toEqual(["stefan"]);
        await again.stop();
      }
    },
  },
};

test("every file of routes/ is tested", () => {
  const files = [...new Bun.Glob("**/*.ts").scanSync(join(ROOT, "routes"))];
  expect(Object.keys(ROUTES).sort()).toEqual(files.sort());
});

for (const [file, { may = poolNeeds, work }] of Object.entries(ROUTES))
  test(`routes/${file}`, async () => work(await serve(file, may())));
