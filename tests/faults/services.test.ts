// Fault 10: the native stack itself. Its services are killed at random for a minute, its database can't start, its disk is
// full: all it takes to recover is time.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPool, type Pool } from "mysql2/promise";
import { Copy } from "../native/copy.ts";
import { startMachines, type TestMachine } from "../support/machines.ts";
import { call } from "../support/program.ts";
import { run } from "../support/run.ts";
import { until } from "../support/until.ts";
import { type Checkable, check, expireLeases, settle } from "./tools/checker.ts";
import { startClients } from "./tools/clients.ts";
import { Ledger } from "./tools/ledger.ts";
import { injected, more, random, SEED } from "./tools/table.ts";

setDefaultTimeout(more(600_000));

const SECONDS = more(60);
/** Between two tries of a service. */
const MOST_APART_MS = 5000;

let copy: Copy;
let machines: TestMachine[];
let database: Pool;
let pool: Checkable;
let api: { url: string };

beforeAll(async () => {
  copy = await Copy.make({ MACHINE_COUNT: "0", SSH_TIMEOUT_SECONDS: "3" });
  // A separate disk that can be filled.
  mkdirSync(join(copy.folder, ".local"));
  const mounted = await run([
    "mount",
    "-t",
    "tmpfs",
    "-o",
    "size=400m,mode=755",
    "services",
    `${copy.folder}/.local`,
  ]);
  expect(mounted).toMatchObject({ code: 0 });
  machines = await startMachines(4, { prefix: "svc-" });
  const up = await copy.just("up");
  expect(up, up.stderr).toMatchObject({ code: 0 });
  api = { url: `http://127.0.0.1:${copy.ports.api}` };
  database = createPool({
    socketPath: join(copy.folder, ".local/run/db/mysql.sock"),
    user: "machine_manager_owner",
    password: copy.dotEnv("DATABASE_OWNER_PASSWORD"),
    database: "machine_manager",
    timezone: "Z",
    connectionLimit: 3,
  });
  pool = {
    machines,
    async sql(text, values) {
      const [rows] = await database.query(text, values);
      return rows as unknown[];
    },
  };
  for (const { name, host, port, user, password } of machines)
    expect((await call(api, "POST", "/machines", { name, host, port, user, password })).status).toBe(201);
  await until("all are offered", 60_000, async () => {
    const { available } = (await call(api, "GET", "/available")).body;
    return available.length === machines.length;
  });
});
afterAll(async () => {
  await database?.end();
  await copy.just("down");
  await run(["umount", join(copy.folder, ".local")]);
  await Promise.all((machines ?? []).map((machine) => machine.stop()));
  rmSync(copy.folder, { recursive: true, force: true });
});

const ready = async () => (await copy.get("/readyz").catch(() => undefined))?.status === 200;
/** Kills processes of our own stack only. @returns how many */
function kill(what: string, which: (pids: number[]) => number[] = (pids) => pids): number {
  const pids = which(copy.pidsOf(what)).filter((pid) => pid > 1);
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  return pids.length;
}
/** When a service ended, according to its supervisor, in milliseconds. */
async function ends(service: string): Promise<number[]> {
  const times = `s6-svdt .local/run/service/${service} | s6-tai64nlocal | cut -c1-23 | date -f - +%s%3N`;
  const { stdout } = await run(["bash", "-c", times], {}, copy.folder);
  return stdout.split("\n").filter(Boolean).map(Number);
}
const farthest = (times: number[]) =>
  Math.max(0, ...times.slice(1).map((time, n) => time - (times[n] ?? time)));
/** All four services have come back on their own, and the promise holds. */
async function allIsWell(ledger?: Ledger): Promise<string[]> {
  // For each file that it could not write, MariaDB checks once a minute whether a full disk has space again.
  await until("it answers", 400_000, ready).catch(async (error) => {
    // What a reader of a failed run needs to know.
    const { stdout } = await copy.just("status");
    throw new Error(
      `${error}\n${stdout}\n${["db", "api", "nginx"].map((one) => copy.log(one).slice(-1500)).join("\n")}`,
    );
  });
  let status = "";
  await until("all four are up", 30_000, async () => {
    const shown = await copy.just("status");
    status = shown.stdout;
    return shown.code === 0;
  }).catch((error) => {
    throw new Error(`${error}\n${status}`);
  });
  for (const service of ["db", "api", "scheduler", "nginx"])
    expect(status).toMatch(new RegExp(`^${service}: up since 20`, "m"));
  await expireLeases(pool);
  return [...(await settle(pool)), ...(await check(pool, ledger ? { ledger } : {}))];
}

test(`API, scheduler and nginx are killed at random for ${SECONDS} s: all services are up again, and the promise held`, async () => {
  const dice = random(SEED);
  const ledger = new Ledger();
  const load = startClients(ledger, () => api, 4, dice, "svc");
  const end = performance.now() + SECONDS * 1000;
  let kills = 0;
  while (performance.now() < end) {
    kills += kill("server.ts", (pids) => pids.filter(() => dice() < 0.5).slice(0, 1));
    // Its workers survive and hold its port.
    if (dice() < 0.2) kills += kill("nginx: master");
    await Bun.sleep(200 + dice() * 3000); // when, is part of the dice
  }
  await load.stop();
  const bad = await allIsWell(ledger);
  injected("10 services killed at random", kills, bad, `${ledger.asked.length} requests`);
  expect(bad).toEqual([]);
  expect(kills).toBeGreaterThan(10);
});

test("a database that can't start for a long time: it is retried again and again, and everything recovers without help", async () => {
  const settings = join(copy.folder, ".local/mysql/my.cnf");
  const good = readFileSync(settings, "utf8");
  writeFileSync(settings, `${good}nonsense-${SEED} = 1\n`);
  const began = Date.now();
  kill("mariadbd");
  kill("server.ts"); // these must wait for it when they start
  // Longer than the four tries (about 10 s) after which supervisord gave up; the program's own limit of 60 s is gone.
  await until("it was away for long", more(120_000), () => Date.now() - began > more(20_000), 500);
  const shown = await copy.just("status");
  expect(shown.code).not.toBe(0);
  expect(shown.stdout).toMatch(/^db: DOWN since 20.* ended with exitcode \d+\. Its log: .*nonsense/m);
  expect(shown.stdout).toMatch(/^api: does not answer; running since 20.*waiting for the database/m);
  const tries = (await ends("db")).filter((time) => time >= began);
  expect(tries.length).toBeGreaterThan(8);
  expect(farthest(tries)).toBeLessThan(MOST_APART_MS);
  writeFileSync(settings, good);
  const bad = await allIsWell();
  injected("10 database that can't start", tries.length, bad);
  expect(bad).toEqual([]);
});

test("the disk is full while all of them restart, and is then freed", async () => {
  const filler = join(copy.folder, ".local/filler");
  const full = () => {
    for (const size of [1 << 20, 1 << 12])
      try {
        for (;;) appendFileSync(filler, Buffer.alloc(size));
      } catch {
        // Not enough space.
      }
  };
  full();
  let kills = 0;
  const end = performance.now() + more(10_000);
  while (performance.now() < end) {
    for (const what of ["mariadbd", "server.ts"]) kills += kill(what);
    full();
    await Bun.sleep(1000); // between two rounds
  }
  rmSync(filler);
  const bad = await allIsWell();
  injected("10 disk full while services start", kills, bad);
  expect(bad).toEqual([]);
  expect(kills).toBeGreaterThan(5);
});
