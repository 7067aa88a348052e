// A route's file is a server of its own under Deno, and answers as it does from Bun, on the same database.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { freePort, startMachines, stopAllMachines, type TestMachine } from "../support/machines.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "../support/program.ts";
import { logIn, withSession } from "../support/session.ts";
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
  expect((await call(bun, "POST", "/machines", wish(0))).status).toBe(201);
});
afterEach(async () => {
  for (const stop of served) await stop();
});
afterAll(async () => {
  await bun?.stop();
  await stopAllMachines();
});

function wish(index: number) {
  const { name, host, port, user, password } = machines[index] as TestMachine;
  return { name, host, port, user, password };
}

/** Serves one file of routes/ alone. @param allowed what Deno lets it do; it may listen in any case */
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

/** Asks both, and answers what both said. */
async function both(deno: { url: string }, ...request: [method: string, path: string, body?: unknown]) {
  const [one, other] = await Promise.all([call(deno, ...request), call(bun, ...request)]);
  const { status, body } = one;
  expect({ status, body }).toEqual({ status: other.status, body: other.body });
  // Bun adds a charset.
  expect(other.headers.get("content-type")).toStartWith(one.headers.get("content-type") as string);
  return { status, body };
}

/** The database's socket, and the folder with the scripts that are run on machines. */
function poolNeeds(): string[] {
  const socket = new URL(settings.DATABASE_URL).searchParams.get("socketPath");
  return [
    `--allow-net=unix:${socket},127.0.0.1`,
    `--allow-read=pool/accounts,${socket}`,
    `--allow-write=${socket}`,
  ];
}

test("routes/healthz.ts", async () => {
  const deno = await serve("healthz.ts", []);
  expect(await both(deno, "GET", "/healthz")).toEqual({ status: 200, body: { status: "ok" } });
  expect((await both(deno, "GET", "/nothing")).status).toBe(404);
});

test("routes/available.ts", async () => {
  const deno = await serve("available.ts", poolNeeds());
  expect(await both(deno, "GET", "/available")).toEqual({
    status: 200,
    body: { available: ["deno-1"], reserved: [], unavailable: [] },
  });
});

test("routes/machines/index.ts, with a real machine registered over SSH", async () => {
  const deno = await serve("machines/index.ts", poolNeeds());
  const made = await call(deno, "POST", "/machines", wish(1));
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ name: "deno-2", state: "available" });
  expect(made.body).toEqual((await call(bun, "GET", "/machines/deno-2")).body);

  const list = await both(deno, "GET", "/machines");
  expect(list.body.machines.map((one: { name: string }) => one.name)).toEqual(["deno-1", "deno-2"]);
  expect(await both(deno, "POST", "/machines", { ...wish(0), port: 0 })).toMatchObject({
    status: 400,
    body: { code: "invalid_request", details: [{ field: "port" }] },
  });
  expect((await both(deno, "POST", "/machines", "{")).body.code).toBe("invalid_json");
  expect((await both(deno, "POST", "/machines", wish(0))).body.code).toBe("machine_exists");
});

test("routes/session.ts, with a password hashed by Bun", async () => {
  // The library of argon2id is native code, which looks at the system to find its file.
  const deno = await serve("session.ts", [...poolNeeds(), "--allow-ffi", "--allow-sys"]);
  const dora = { name: "dora", password: "a password of dora's" };
  expect((await call(bun, "POST", "/users", dora)).status).toBe(201);
  const bad = { user: "dora", password: "not her password" };
  expect((await both(deno, "POST", "/session", bad)).body.code).toBe("login_failed");
  expect((await both(deno, "POST", "/session", { ...bad, user: "nobody" })).status).toBe(401);

  const session = await logIn(deno, { user: "dora", password: dora.password });
  const look = (at: { url: string }) => call(at, "GET", "/session", undefined, { Cookie: session.cookie });
  const [one, other] = [await look(deno), await look(bun)];
  expect(one.body).toMatchObject({ user: "dora", csrf: session.csrf });
  expect(other.body).toEqual(one.body);
  const logOut = (headers: Record<string, string>) => call(deno, "DELETE", "/session", undefined, headers);
  expect((await logOut({ Cookie: session.cookie })).body.code).toBe("csrf");
  expect((await logOut(withSession(session))).status).toBe(200);
  expect([(await look(deno)).status, (await look(bun)).status]).toEqual([401, 401]);
});
