// Fault 8: a pool of 1 000, of which 500 reservations end in the same second. The records point at real machines, as
// many as fit, and for the rest at fakes that speak our steps' protocol, each on its own address.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seal } from "../../pool/secrets/seal.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, type Program, startProgram } from "../support/program.ts";
import { until } from "../support/until.ts";
import { check, settle } from "./tools/checker.ts";
import { newKey } from "./tools/fake_ssh.ts";
import { injected, more } from "./tools/table.ts";

setDefaultTimeout(more(240_000));

const REAL = 20;
const RECORDS = 1000;
const ENDING = 500;
const WAVES = more(2);

interface Rack {
  name: string;
  port: number;
  identity: string;
  hostKey: string;
}
let pool: TestPool;
let rack: Rack[];
let folder: string;
let racks: { kill(): void } | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mm-rack-"));
  const password = crypto.randomUUID();
  writeFileSync(join(folder, "key"), newKey(), { mode: 0o600 });
  writeFileSync(join(folder, "password"), password, { mode: 0o600 });
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "tools/fake_rack.ts"), String(RECORDS - REAL), folder],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  racks = child;
  let line = "";
  const decoder = new TextDecoder();
  for await (const part of child.stdout) {
    line += decoder.decode(part, { stream: true });
    if (line.includes("\n")) break;
  }
  rack = JSON.parse(line);
  pool = await startPool(REAL, { prefix: "load-", settings: { EXPIRE_EVERY: "1" } });
  const now = (await pool.sql("SELECT UTC_TIMESTAMP(3) AS t"))[0].t;
  const rows = rack.map(({ name, port, identity, hostKey }) => {
    const id = crypto.randomUUID();
    const secret = seal(pool.settings.SECRET_KEY, id, password);
    return [
      id,
      name,
      "127.0.0.1",
      "localhost",
      port,
      "root",
      "password",
      secret,
      "{}",
      hostKey,
      identity,
      "available",
      now,
      1,
      now,
      now,
      now,
      now,
      now,
    ];
  });
  await pool.sql(
    `INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, host_key, identity, state, since,
       generation, last_used_at, probed_at, swept_at, sweep_at, created_at) VALUES ?`,
    [rows],
  );
  await pool.sql("UPDATE machines SET sweep_at = UTC_TIMESTAMP(3) + INTERVAL 1 DAY");
});
afterAll(async () => {
  racks?.kill();
  await pool.stop();
  rmSync(folder, { recursive: true, force: true });
});

const megabytes = (program: Program, what = "VmRSS") =>
  Math.round(
    Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${program.pid}/status`, "utf8"))?.[1]) /
      1024,
  );

let uid = 30_000;
/** 20 reservations made by the API on the real machines, and 480 inserted as it would insert them, on the fakes. */
async function book(wave: number): Promise<void> {
  await pool.sql("UPDATE machines SET last_used_at = IF(name LIKE 'load-%', created_at, UTC_TIMESTAMP(3))");
  const made = await Promise.all(
    Array.from({ length: REAL }, (_, n) =>
      call(pool.api, "POST", "/reservations", { username: `w${wave}r${n}`, password: "pw", duration: 60 }),
    ),
  );
  expect(made.map(({ status }) => status)).toEqual(made.map(() => 201));
  const free = await pool.sql(
    "SELECT id, name FROM machines WHERE state = 'available' AND name LIKE 'rack-%' ORDER BY last_used_at, id LIMIT ?",
    [ENDING - REAL],
  );
  expect(free.length).toBe(ENDING - REAL);
  const pairs = free.map((machine) => ({ ...machine, reservation: crypto.randomUUID() }));
  const now = (await pool.sql("SELECT UTC_TIMESTAMP(3) AS t"))[0].t;
  await pool.sql(
    "INSERT INTO reservations (id, username, uid, state, count, duration_minutes, created_at, ends_at) VALUES ?",
    [
      pairs.map(({ reservation }, n) => [
        reservation,
        `w${wave}f${n}`,
        uid++,
        "active",
        1,
        60,
        now,
        new Date(now.getTime() + 3_600_000),
      ]),
    ],
  );
  await pool.sql(
    "INSERT INTO holds (id, reservation_id, machine_id, machine_name, claimed_at, confirmed_at) VALUES ?",
    [pairs.map(({ id, name, reservation }) => [crypto.randomUUID(), reservation, id, name, now, now])],
  );
  await pool.sql(
    "UPDATE machines m JOIN holds h ON h.machine_id = m.id AND h.released_at IS NULL SET m.state = 'reserved', m.reservation_id = h.reservation_id, m.since = UTC_TIMESTAMP(3) WHERE m.state = 'available'",
  );
}

test(`${ENDING} of ${RECORDS} machines are released in the same second, ${WAVES} times`, async () => {
  const scheduler = await startProgram(pool.settings, "scheduler");
  const violations: string[] = [];
  const memory: number[] = [megabytes(scheduler)];
  const notes: string[] = [];
  for (let wave = 1; wave <= WAVES; wave++) {
    await book(wave);
    await pool.sql(
      "UPDATE reservations SET ends_at = DATE_ADD(DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%s'), INTERVAL 2 SECOND) WHERE state = 'active'",
    );
    let most = 0;
    await until(`all of wave ${wave} ended`, 90_000, async () => {
      most = Math.max(most, megabytes(scheduler));
      const [{ n }] = await pool.sql("SELECT COUNT(*) AS n FROM reservations WHERE ended_at IS NULL");
      return Number(n) === 0;
    });
    const rows = await pool.sql(
      "SELECT TIMESTAMPDIFF(MICROSECOND, ends_at, ended_at) / 1000000 AS lag FROM reservations WHERE username LIKE ? ORDER BY lag",
      [`w${wave}%`],
    );
    const lags = rows.map(({ lag }) => Number(lag));
    if (lags.length !== ENDING) violations.push(`wave ${wave}: ${lags.length} reservations ended`);
    if (!lags.every((lag) => lag >= 0)) violations.push(`wave ${wave}: one ended before its time`);
    violations.push(...(await settle(pool)), ...(await check(pool)));
    memory.push(megabytes(scheduler));
    const lag = `lag median ${lags[lags.length >> 1]?.toFixed(1)} s, max ${lags.at(-1)?.toFixed(1)} s`;
    notes.push(lag);
    console.log(
      `load, wave ${wave}: ${lag}; scheduler ${memory.at(-1)} MB (at most ${most} MB, at its start ${memory[0]} MB)`,
    );
  }
  const log = scheduler.log();
  for (const event of ["job failed", "machine quarantined", "offered machine failed a probe"])
    if (log.includes(event))
      violations.push(`${event}: ${log.slice(log.indexOf(event), log.indexOf(event) + 300)}`);
  // Flat: memory after the last wave is the same as after the first.
  if ((memory.at(-1) ?? 0) >= 2 * (memory[1] ?? 0)) violations.push(`memory grows: ${memory.join(", ")} MB`);
  expect(await scheduler.stop()).toBe(0);
  injected(
    `8 load: ${ENDING} of ${RECORDS} end at once`,
    WAVES,
    violations,
    `${notes.at(-1)}; ${memory.join(" → ")} MB`,
  );
  expect(violations).toEqual([]);
});
