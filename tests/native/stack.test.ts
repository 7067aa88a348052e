// The native mode for real, in a copy of this working tree: `just run` from nothing, a login, `just run` again, hot reload,
// a killed manager, and `just clean`, after which nothing is left. On its own ports, so a running stack doesn't matter.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { showsStyle, takesEffect } from "../support/edit.ts";
import { run } from "../support/run.ts";
import { canLogIn, ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { Copy } from "./copy.ts";

const asRoot = process.getuid?.() === 0;
if (!asRoot) console.warn("tests/native/stack.test.ts is skipped: demo machines without Docker need root");

setDefaultTimeout(120_000);

let copy: Copy;
let folder: string;
let filesBefore: string[];
let modesBefore: string;
let env: Record<string, string>;
let ports: Copy["ports"];

const just = (...recipe: string[]) => copy.just(...recipe);
const get = (path: string, init: RequestInit = {}) => copy.get(path, init);
const processes = () => copy.processes();
const dotEnv = (name: string) => copy.dotEnv(name);
/** What people keep next to the sources, as the documents suggest. */
const PRIVATE = ["header.txt", "cookies.txt", "rack-8.json"];
/** The mode of everything in the copy that setup did not make. */
async function modes(): Promise<string> {
  const made = ["./.local", "./node_modules", "./.env", "./provision/machines.txt", "./web/dist"];
  const found = await run(["find", ".", "-mindepth", "1", "-printf", "%m %p\n"], {}, folder);
  const of = (line: string) => made.some((path) => line.split(" ")[1]?.startsWith(path));
  return found.stdout
    .split("\n")
    .filter((line) => !of(line))
    .sort()
    .join("\n");
}
/** The output of MariaDB's own client. */
async function client(user: string, password: string, statement: string): Promise<string> {
  const command = ["mariadb", "--no-defaults", "--socket=.local/run/db/mysql.sock", `--user=${user}`];
  const ran = await run([...command, "machine_manager", "-e", statement], { MYSQL_PWD: password }, folder);
  return ran.stdout + ran.stderr;
}
const asProgram = (statement: string) => client("machine_manager", dotEnv("DATABASE_PASSWORD"), statement);
const asRootOfDatabase = async (statement: string) => expect(await client("root", "", statement)).toBe("");
/** Its pid; never one that means "all" to kill(2). */
function manager(): number {
  const pid = Number(readFileSync(join(folder, ".local/run/manager.pid"), "utf8"));
  if (!(pid > 1)) throw new Error(`no pid: ${pid}`);
  return pid;
}
const pidOf = (what: string) => [...processes()].find(([, words]) => words.includes(what))?.[0];

describe.skipIf(!asRoot)("the native stack", () => {
  beforeAll(async () => {
    copy = await Copy.make({ MACHINE_COUNT: "1" });
    ({ folder, ports, env } = copy);
    for (const name of PRIVATE) writeFileSync(join(folder, name), "private\n", { mode: 0o600 });
    filesBefore = copy.files();
    modesBefore = await modes();
  }, 60_000);
  afterAll(async () => {
    await copy.remove();
  }, 120_000);

  test("just run ends with a pool in use, and says what to try next", async () => {
    const ran = await just("run");
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain(`Machine Manager runs at https://localhost:${ports.https} (mode: native)`);
    expect(ran.stdout).toContain(`curl -k "https://localhost:${ports.https}/reserve?username=alice`);
    expect((await get("/available")).body).toMatchObject({
      available: ["alpine-1"],
      reserved: [],
      unavailable: [],
    });
  });

  test("root's checkout stays as private as it was, and the program sees only a copy of its sources", async () => {
    expect(await modes()).toBe(modesBefore);
    expect(modesBefore).toContain("600 ./header.txt");
    expect(modesBefore).toContain("600 ./server.ts");
    const [api = 0] = copy.pidsOf("server.ts");
    const uid = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${api}/status`, "utf8"))?.[1] ?? "";
    const asProgram = [
      "nsenter",
      `--target=${api}`,
      "--mount",
      "setpriv",
      `--reuid=${uid}`,
      "--clear-groups",
    ];
    const seen = await run([...asProgram, "sh", "-c", `cat ${folder}/header.txt; ls /mnt/run/app /mnt/log`]);
    expect(seen.stderr).toContain("header.txt: Permission denied");
    expect(seen.stderr).toContain("/mnt/log");
    expect(seen.stdout).toContain("server.ts");
    for (const name of [...PRIVATE, ".env", ".git", "tests"])
      expect(seen.stdout.split("\n")).not.toContain(name);
  });

  test("an account works over SSH until it is released, and no log has its password", async () => {
    const reserved = await get("/reserve?username=alice&password=wonderland-77&count=1");
    expect(reserved).toMatchObject({
      status: 200,
      body: { machines: [{ machine: "alpine-1", port: ports.machines }] },
    });
    const login = { host: "localhost", port: ports.machines, username: "alice", password: "wonderland-77" };
    expect(await ssh(login, "hostname")).toContain("alpine-1");
    expect((await get("/release_all")).body).toMatchObject({ released: 1 });
    expect(await canLogIn(login)).toBe(false);
    expect((await run(["grep", "-rl", "wonderland-77", ".local"], {}, folder)).stdout).toBe("");
  });

  test("no service shows a secret in the process list, and the program is not root", async () => {
    const secrets =
      readFileSync(join(folder, ".env"), "utf8").match(
        /(?<=^(SECRET_KEY|DATABASE_(OWNER_)?PASSWORD)=).+/gm,
      ) ?? [];
    expect(secrets).toHaveLength(3);
    const all = [...processes().values()].join("\n");
    for (const secret of secrets) expect(all).not.toContain(secret);
    const status = readFileSync(`/proc/${pidOf("server.ts")}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t(6[1-5]\d{3})\t\1\t\1\t\1$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test("the program may add to the events but not change them; it can't see the owner's password", async () => {
    expect(await asProgram("DELETE FROM events")).toContain("DELETE command denied");
    expect(await asProgram("UPDATE events SET actor = 'nobody'")).toContain("UPDATE command denied");
    expect(await asProgram("SELECT 1 FROM events LIMIT 1")).toBe("1\n1\n");
    const owner = dotEnv("DATABASE_OWNER_PASSWORD");
    expect(owner).toMatch(/^[0-9a-f]{48}$/);
    expect(readFileSync(join(folder, ".local/run/program.env"), "utf8")).not.toContain(owner);
    for (const pid of processes().keys())
      expect(readFileSync(`/proc/${pid}/environ`, "latin1"), `process ${pid}`).not.toContain(owner);
    expect((await run(["grep", "-rl", owner, ".local"], {}, folder)).stdout).toBe(".local/mysql/init.sql\n");
  });

  test("just prune-events deletes old events as the owner, and says so", async () => {
    await asRootOfDatabase("UPDATE events SET at = at - INTERVAL 400 DAY ORDER BY id LIMIT 1");
    const pruned = await just("prune-events", "--older-than", "365d");
    expect(pruned).toEqual({
      code: 0,
      stdout: "prune-events: 1 events older than 365 days were deleted\n",
      stderr: "",
    });
    const { events } = (await get("/events?action=events.pruned")).body as { events: object[] };
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ actor: "owner", details: { count: 1, days: 365 } });
    const refused = await just("prune-events", "--older-than", "1h");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("whole days");
    expect((await just("prune-events", "--help")).stdout).toContain("--older-than 365d");
  });

  test("just run again changes nothing that is running", async () => {
    const before = [...processes().keys()].sort();
    expect((await just("run")).code).toBe(0);
    expect([...processes().keys()].sort()).toEqual(before);
  });

  test("a taken port is reported with the process that has it", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const taken = other.port;
    const refused = await run(["just", "up"], { ...env, HTTP_PORT: String(taken) }, folder);
    await other.stop(true);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(`port ${taken} is taken by bun (process ${process.pid})`);
  });

  test("just run-dev restarts only the program, and an edit takes effect within 2 s", async () => {
    const database = pidOf("mariadbd");
    expect((await just("run-dev")).code).toBe(0);
    expect(pidOf("mariadbd")).toBe(database);
    const health = async () => JSON.stringify((await get("/healthz")).body);
    expect(await takesEffect(join(folder, "routes/healthz.ts"), '"ok"', '"edited"', health)).toBe(true);
    expect(await showsStyle(folder, `https://localhost:${ports.https}`)).toBe(true);
  });

  test("in run-dev, a persistent mistake is reported with its file and line, and fixing it is enough", async () => {
    const file = join(folder, "routes/healthz.ts");
    const source = readFileSync(file, "utf8");
    writeFileSync(file, `${source}\nconst broken = ;\n`);
    const place = `routes/healthz.ts:${source.split("\n").length + 1}:`;
    // Retried more often, and for longer, than any process manager's patience.
    const tries = () => copy.log("api").split(place).length - 1;
    await until("it was tried six times", 30_000, () => tries() >= 6);
    const status = await just("status");
    expect(status.code).not.toBe(0);
    expect(status.stdout).toMatch(
      /^api: DOWN since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, .*ended with exitcode 1/m,
    );
    expect(status.stdout).toContain(place);
    writeFileSync(file, source.replaceAll('"ok"', '"fixed"'));
    await until("it answers", 10_000, async () => {
      const answer = await get("/healthz").catch(() => undefined);
      return answer?.body.status === "fixed";
    });
    writeFileSync(file, source);
    await until("it answers", 10_000, async () => {
      const answer = await get("/healthz").catch(() => undefined);
      return answer?.body.status === "ok";
    });
  });

  test("just up stops soon with a service's own message if it can't start", async () => {
    const began = performance.now();
    const refused = await run(["just", "up"], { ...env, LOG_LEVEL: "loud" }, folder);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("LOG_LEVEL must be debug, info, warn or error");
    expect(refused.stderr).toMatch(/(api|scheduler) does not start; all of its log: just logs/);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect((await just("run")).code).toBe(0);
  });

  test("if the manager is killed, nothing keeps running without it, and just run brings everything back", async () => {
    process.kill(manager(), "SIGKILL");
    await until(
      "its services have ended",
      15_000,
      () => !pidOf("server.ts") && !pidOf("mariadbd") && !pidOf("nginx"),
    );
    expect((await just("run")).code).toBe(0);
    expect((await just("status")).code).toBe(0);
    expect((await get("/available")).body).toMatchObject({
      available: ["alpine-1"],
      reserved: [],
      unavailable: [],
    });
  });

  test("just logs shows a service's log; just down keeps the database, just up brings it back", async () => {
    expect((await just("logs", "api")).stdout).toContain("listening on http://127.0.0.1");
    expect((await just("down")).code).toBe(0);
    expect(pidOf("mariadbd")).toBeUndefined();
    expect((await just("up")).code).toBe(0);
    expect((await get("/available")).body.available).toEqual(["alpine-1"]);
  });

  test("a backup is made while it runs, and is loaded again, as docs/operate.md says", async () => {
    const inFolder = async (command: string) => {
      const ran = await run(["bash", "-c", command], env, folder);
      expect(`${ran.code} ${ran.stderr}`, command).toStartWith("0");
    };
    await inFolder(
      "mariadb-dump --socket=.local/run/db/mysql.sock --single-transaction machine_manager >backup.sql",
    );
    const late = await get("/reserve?username=late&password=wonderland-78&count=1");
    expect(late.status).toBe(200);
    await inFolder("mariadb --socket=.local/run/db/mysql.sock machine_manager <backup.sql");
    await inFolder("just down");
    await inFolder("just run");
    // What the dump doesn't know of is found on the machine.
    const login = { host: "localhost", port: ports.machines, username: "late", password: "wonderland-78" };
    await until("the later account is gone", 90_000, async () => !(await canLogIn(login)));
    await until("the machine is offered", 90_000, async () =>
      ((await get("/available")).body.available as string[]).includes("alpine-1"),
    );
    rmSync(join(folder, "backup.sql"));
  });

  test("just up upgrades a stack whose only database user had all rights, and keeps its data", async () => {
    await asRootOfDatabase("DROP USER machine_manager_owner@localhost");
    await asRootOfDatabase("GRANT ALL ON machine_manager.* TO machine_manager@localhost");
    const env = join(folder, ".env");
    writeFileSync(env, readFileSync(env, "utf8").replace(/^DATABASE_OWNER_PASSWORD=.*\n/m, ""));
    expect(await asProgram("DELETE FROM events WHERE FALSE")).toBe("");
    const upgraded = await just("up");
    expect(upgraded).toMatchObject({ code: 0 });
    expect(upgraded.stdout).toContain("added DATABASE_OWNER_PASSWORD");
    expect(upgraded.stdout).toContain("REVOKE ALL PRIVILEGES ON `machine_manager`.*");
    expect(await asProgram("DELETE FROM events")).toContain("DELETE command denied");
    expect((await get("/available")).body.available).toEqual(["alpine-1"]);
    expect((await get("/events?action=events.pruned")).body.events).toHaveLength(1);
    expect(upgraded.stdout + upgraded.stderr).not.toContain(dotEnv("DATABASE_OWNER_PASSWORD"));
  });

  test("just rotate-key re-encrypts all secrets, even if it was interrupted before", async () => {
    const machineSecret = () => asProgram("SELECT secret FROM machines");
    const said: string[] = [];
    const keys = [dotEnv("SECRET_KEY")];
    for (const cutOff of [false, true]) {
      const before = await machineSecret();
      if (cutOff) {
        // As after a power cut after the first step: the database has the new key, .env the old one.
        const next = randomBytes(32).toString("base64");
        writeFileSync(join(folder, ".local/next_secret_key"), next, { mode: 0o600 });
        const first = "provision/bun.sh provision/stack.ts native program rotate-key <.local/next_secret_key";
        expect(await run(["bash", "-c", first], env, folder)).toMatchObject({ code: 0 });
        expect((await get("/reserve?username=between&count=1")).status).toBe(200);
      }
      const rotated = await just("rotate-key");
      expect(rotated).toMatchObject({ code: 0 });
      expect(rotated.stdout).toContain("rotate-key: the old key no longer opens anything");
      expect(await machineSecret()).not.toBe(before);
      keys.push(dotEnv("SECRET_KEY"));
      said.push(rotated.stdout, rotated.stderr);
      // A reservation made in between is opened with the new key.
      if (cutOff) expect((await get("/release_all")).body).toMatchObject({ released: 1, failed: [] });
      expect((await get("/reserve?username=after&count=1")).status).toBe(200);
      expect((await get("/release_all")).body).toMatchObject({ released: 1, failed: [] });
    }
    expect(new Set(keys).size).toBe(3);
    for (const key of keys) {
      expect(said.join("")).not.toContain(key);
      expect((await run(["grep", "-rlF", key, ".local/log"], {}, folder)).stdout).toBe("");
    }
    expect(readdirSync(join(folder, ".local"))).not.toContain("next_secret_key");
  });

  test("no log, event or response of a run contains a secret, even while the API dies and limits apply", async () => {
    const admin = (await just("token")).stdout.trim();
    expect(admin.length).toBeGreaterThan(30);
    expect((await just("run")).code).toBe(0);
    const secrets = [
      admin,
      dotEnv("SECRET_KEY"),
      dotEnv("DATABASE_PASSWORD"),
      dotEnv("DATABASE_OWNER_PASSWORD"),
    ];
    const answers: string[] = [];
    /** @param shows what only this response may contain */
    const ask = async (method: string, path: string, body?: unknown, shows?: string, token = admin) => {
      const answer = await fetch(`https://localhost:${ports.https}${path}`, {
        method,
        tls: { rejectUnauthorized: false },
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch(() => new Response("{}", { status: 599 }));
      const text = await answer.text();
      const cookie = answer.headers.get("set-cookie")?.match(/=([^;]+)/)?.[1];
      if (cookie) secrets.push(cookie);
      const found = text.startsWith("{") ? JSON.parse(text) : {};
      if (shows) secrets.push(found[shows]);
      answers.push(shows ? text.replaceAll(found[shows], "") : text);
      return { status: answer.status, body: found };
    };
    const secret = (name: string) => {
      const made = `${name}-${randomBytes(9).toString("hex")}`;
      secrets.push(made);
      return made;
    };
    const password = secret("of-dora");
    await ask("POST", "/users", { name: "dora", role: "user", password });
    const made = await ask("POST", "/tokens", { user: "dora", name: "laptop" }, "token");
    expect((await ask("POST", "/session", { user: "dora", password }, "csrf")).status).toBe(201);
    await ask("POST", "/session", { user: "dora", password: secret("wrong") });
    await ask("POST", "/session", { token: made.body.token }, "csrf");
    await ask("GET", "/machines", undefined, undefined, secret("guess"));
    await ask("GET", `/reserve?username=eva&password=${secret("in-the-query")}&count=1`);
    await ask("POST", "/release_all");
    await ask("POST", "/reservations", { username: "eva", duration: 5 }, "password");
    await ask("POST", "/reservations", { username: "eva", password: secret("too-many"), count: 99 });
    await ask("POST", "/reservations", { username: "eva", pasword: secret("misspelt"), count: 1 });
    await ask("POST", "/release_all");
    const { private_key } = { private_key: `-----BEGIN OPENSSH PRIVATE KEY-----\n${secret("private")}\n` };
    await ask("POST", "/machines", { name: "nowhere", host: "127.0.0.1", port: ports.api, private_key });
    await ask("POST", "/machines", {
      name: "nobody",
      host: "127.0.0.1",
      port: ports.https,
      password: secret("machine"),
    });
    await ask("DELETE", "/machines/nobody?force=true");
    // Limits apply: nginx refuses most of these.
    const flood = secret("of-a-flood");
    await Promise.all(
      Array.from({ length: 400 }, () => ask("GET", `/reserve?username=a&count=99&password=${flood}`)),
    );
    // The API dies twice in the middle of requests.
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const dying = secret("while-it-dies");
      const hanging = Array.from({ length: 8 }, () => ask("GET", `/reserve?username=die&password=${dying}`));
      const pids = [...processes()].filter(([, words]) => words.includes("server.ts")).map(([pid]) => pid);
      for (const pid of pids) process.kill(pid, signal);
      await Promise.all(hanging);
      await until("the API is back", 60_000, async () => (await ask("GET", "/readyz")).status === 200);
    }
    await until("all is free", 90_000, async () => {
      await ask("POST", "/release_all");
      return (await ask("GET", "/available")).body.available?.length === 1;
    });
    await ask("GET", "/events?limit=500");
    await ask("GET", "/machines");
    const tables = await run(
      [
        "bash",
        "-c",
        `for table in events reservations machines users tokens sessions login_tries settings; do
      mariadb --no-defaults --socket=.local/run/db/mysql.sock -uroot machine_manager -e "SELECT * FROM $table"; done`,
      ],
      {},
      folder,
    );
    expect(tables.stdout).toContain("session.created");
    expect(secrets.length).toBeGreaterThan(15);
    const logs = (await run(["bash", "-c", "cat .local/log/*/*"], {}, folder)).stdout;
    expect(logs).toMatch(/ 429 /);
    for (const one of new Set(secrets)) {
      expect(one.length).toBeGreaterThan(8);
      const name = one.slice(0, 6);
      expect(logs.includes(one), `a log holds ${name}…`).toBe(false);
      expect(tables.stdout.includes(one), `the database holds ${name}…`).toBe(false);
      expect(
        answers.some((text) => text.includes(one)),
        `an answer holds ${name}…`,
      ).toBe(false);
    }
    // Open again, for the tests that follow.
    const file = join(folder, ".env");
    writeFileSync(file, readFileSync(file, "utf8").replace(/^ADMIN_TOKEN=.*$/m, "ADMIN_TOKEN="));
    expect((await just("run")).code).toBe(0);
  });

  test("just clean ends the reservations and leaves no process, mount or file", async () => {
    expect((await get("/reserve?username=bob&count=1")).status).toBe(200);
    const cleaned = await just("clean");
    expect(cleaned).toMatchObject({ code: 0 });
    expect(cleaned.stdout).toContain('"released":1');
    expect([...processes().values()]).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    expect(copy.files()).toEqual(filesBefore);
  });
});
