// Fault 4, the slower kinds: a full disk, locks held by somebody else, deadlocks, and a database restored to an earlier state.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { startDatabase, type TestServer } from "../support/database.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { run } from "../support/run.ts";
import { canLogIn } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { check, expireLeases, settle } from "./tools/checker.ts";
import { startClients } from "./tools/clients.ts";
import { type Asked, Ledger } from "./tools/ledger.ts";
import { injected, more, random, SEED } from "./tools/table.ts";

setDefaultTimeout(more(400_000));

const ANSWER_MS = 5500;
const settings = { SSH_TIMEOUT_SECONDS: "3", EXPIRE_EVERY: "1" };
let server: TestServer;
let pool: TestPool;
let disk: string;

const must = async (...command: string[]) => {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout;
};

beforeAll(async () => {
  disk = mkdtempSync(join(tmpdir(), "mm-disk-"));
  await must("mount", "-t", "tmpfs", "-o", "size=220m", "faults", disk);
  server = await startDatabase(["--innodb-log-file-size=8M"], disk);
  pool = await startPool(4, { scheduler: true, server, prefix: "dbs-", settings });
});
afterEach(() => Bun.spawnSync(["rm", "-f", join(disk, "filler")]));
afterAll(async () => {
  await pool.stop();
  await server.stop();
  await must("umount", "-l", disk);
  rmSync(disk, { recursive: true, force: true });
});

const openConnection = () =>
  createConnection({
    socketPath: server.socket,
    user: "root",
    database: new URL(pool.settings.DATABASE_URL).pathname.slice(1),
  });

/** Writes rows until the server's disk is full. Returns its error. */
async function fillTables(): Promise<string> {
  const time = "UTC_TIMESTAMP(3)";
  for (const insert of [
    `INSERT INTO reservations (id, username, uid, state, reason, count, duration_minutes, created_at, ends_at, ended_at)
     SELECT UUID(), 'ballast', seq, 'ended', REPEAT('x', 400), 1, 1, ${time}, ${time}, ${time} FROM seq_1_to_200`,
    `INSERT INTO holds (id, reservation_id, machine_id, machine_name, claimed_at, released_at)
     SELECT UUID(), UUID(), UUID(), 'ballast', ${time}, ${time} FROM seq_1_to_200`,
  ])
    for (let n = 0, words = ""; words === ""; n++) {
      words = await pool.sql(insert).then(
        () => (n > 2000 ? "never full" : ""),
        (error) => String(error.message),
      );
      if (words && !words.includes("full")) return words;
    }
  return "tables full";
}

async function allFree(ledger: Ledger, restored = false): Promise<string[]> {
  for (const entry of ledger.asked) entry.ended = true;
  await until(
    "all is released",
    30_000,
    async () => (await call(pool.api, "POST", "/release_all")).status === 200,
  );
  return [...(await settle(pool)), ...(await check(pool, { ledger, restored }))];
}

test("its disk is full", async () => {
  const ledger = new Ledger();
  const load = startClients(ledger, () => pool.api, 6, random(SEED), "full");
  await until("some were granted", 20_000, () => ledger.asked.some((one) => one.outcome === "granted"));
  load.mark();
  await pool.sql(
    "CREATE TABLE ballast (id INT PRIMARY KEY, t VARCHAR(400)) AS SELECT seq AS id, '' AS t FROM seq_1_to_20000",
  );
  const other = await openConnection();
  await must("sh", "-c", `dd if=/dev/zero of=${disk}/filler bs=64k 2>/dev/null || true`);
  // Its log files are preallocated: only a table that must grow can fail. So fill up the tables' free space first.
  const full = await fillTables();
  // And the space for undo records, with a transaction that is not finished.
  await other.query("BEGIN");
  for (let n = 0, going = true; n < 200 && going; n++)
    going = await other.query(`UPDATE ballast SET t = REPEAT(CHAR(${65 + (n % 26)}), 400)`).then(
      () => true,
      () => false,
    );
  const before = ledger.asked.length;
  await until("forty more were asked", 60_000, () => ledger.asked.length > before + 40);
  const { slowest, statuses } = load.since();
  await must("rm", "-f", `${disk}/filler`);
  await other.query("ROLLBACK").catch(() => {});
  await other.end().catch(() => {});
  await pool.sql("DROP TABLE ballast");
  await pool.sql("DELETE FROM reservations WHERE username = 'ballast'");
  await pool.sql("DELETE FROM holds WHERE machine_name = 'ballast'");
  const then = ledger.asked.length;
  await until("reservations are granted again", 60_000, () =>
    ledger.asked.slice(then).some((one) => one.outcome === "granted"),
  );
  await load.stop();
  const bad = [...(await settle(pool)), ...(await check(pool, { ledger }))];
  if (slowest > ANSWER_MS) bad.push(`an answer took ${slowest} ms`);
  if (Object.keys(statuses).some((one) => one.includes("500")))
    bad.push(`answers were ${JSON.stringify(statuses)}`);
  bad.push(...(await allFree(ledger)));
  injected("4 MariaDB disk full", 1, bad, `${full}; slowest answer ${slowest} ms`);
  console.log(full, slowest, statuses);
  expect(full).toContain("full");
  expect(bad).toEqual([]);
});

test("somebody else holds locks, in a different order", async () => {
  const ledger = new Ledger();
  const load = startClients(ledger, () => pool.api, 6, random(SEED), "lock");
  const other = await openConnection();
  let deadlocks = 0;
  let slowest = 0;
  let statuses: Record<string, number> = {};
  const note = () => {
    const seen = load.since();
    slowest = Math.max(slowest, seen.slowest);
    statuses = { ...statuses, ...seen.statuses };
    load.mark();
  };
  const times = more(30, 5);
  for (let n = 0; n < times; n++) {
    // An answer is timed from the last long one: it may not have to do with an earlier one as well.
    if (n % 10 === 0) note();
    await other.query("BEGIN");
    // In an order that nobody else uses; every tenth time long enough for the others to give up.
    await other.query("SELECT * FROM reservations ORDER BY id DESC FOR UPDATE").catch(() => deadlocks++);
    await other.query("SELECT * FROM machines ORDER BY id DESC FOR UPDATE").catch(() => deadlocks++);
    if (n % 10 === 0) await other.query("SELECT SLEEP(3.5)");
    await other.query("ROLLBACK");
    const before = ledger.asked.length;
    await until("others came through", 20_000, () => ledger.asked.length > before + 3);
  }
  note();
  await other.end();
  await load.stop();
  await expireLeases(pool);
  const bad = [...(await settle(pool)), ...(await check(pool, { ledger }))];
  if (slowest > ANSWER_MS) bad.push(`an answer took ${slowest} ms`);
  if (Object.keys(statuses).some((one) => one.includes("500")))
    bad.push(`answers were ${JSON.stringify(statuses)}`);
  bad.push(...(await allFree(ledger)));
  injected(
    "4 MariaDB locks and deadlocks",
    times,
    bad,
    `${deadlocks} deadlocks lost by us, slowest answer ${slowest} ms`,
  );
  console.log(deadlocks, slowest, statuses);
  expect(bad).toEqual([]);
});

/**
 * Makes a request's transaction the loser of a deadlock: it has written its reservation and waits for a machine.
 * @returns the reservation's state once its transaction was rolled back; "": the request was over before that
 */
async function loseDeadlock(machine: string, id: string, request: () => Promise<unknown>): Promise<string> {
  const other = await openConnection();
  await other.query("BEGIN");
  // The server rolls back the one that has written less.
  await other.query("INSERT INTO weight SELECT seq FROM seq_1_to_5000");
  await other.query("SELECT 1 FROM machines WHERE name = ? FOR UPDATE", [machine]);
  let isOver = false;
  const asked = request().finally(() => {
    isOver = true;
  });
  // This table is refreshed only when it hasn't been read for 0.1 s.
  const waits = () =>
    pool.sql(
      "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE ? AND trx_rows_modified > 0",
      ["update `machines` set `state`%"],
    );
  try {
    await until("it waits for the machine", 30_000, async () => isOver || (await waits()).length > 0, 150);
    if (isOver) return "";
    const [rows] = await other.query("SELECT state FROM reservations WHERE id = ? FOR UPDATE", [id]);
    return (rows as { state: string }[])[0]?.state ?? "";
  } finally {
    // Whatever happened: its locks would keep all that comes after it waiting.
    await other.query("ROLLBACK");
    await other.end();
    await asked;
  }
}

test("a reservation and a release that lose a deadlock still succeed", async () => {
  await pool.sql("CREATE TABLE weight (id INT)");
  const ledger = new Ledger();
  const bad: string[] = [];
  const times = more(3);
  /** which met no deadlock: refused, as a machine was just being looked at; or made before one was locked, on a busy machine */
  let missed = 0;
  for (let n = 0; n < times + missed && missed < 10; n++) {
    // All machines, including this one.
    const name = pool.machines[n % pool.machines.length]?.name ?? "";
    const asking = ledger.reserve(pool.api, `dead${n}`, pool.machines.length);
    let isAnswered = false;
    void asking.then(() => {
      isAnswered = true;
    });
    const id: string = await until(
      "it is claimed or refused",
      10_000,
      async () =>
        (await pool.sql("SELECT id FROM reservations WHERE username = ?", [`dead${n}`]))[0]?.id ??
        (isAnswered && "refused"),
      5,
    );
    const atConfirm = id === "refused" ? "" : await loseDeadlock(name, id, () => asking);
    const mine = await asking;
    if (atConfirm === "") {
      missed++;
      console.log(`no deadlock in round ${n}: ${id} ${mine.status}`);
      if (mine.outcome === "granted") await ledger.release(pool.api, mine);
      bad.push(...(await settle(pool)));
      continue;
    }
    if (mine.outcome !== "granted") bad.push(`I4 a reservation that lost a deadlock: ${mine.status}`);
    let status = 0;
    const atRelease = await loseDeadlock(name, id, async () => {
      status = await ledger.release(pool.api, mine);
    });
    if (status !== 200) bad.push(`I5 a release that lost a deadlock: ${status}`);
    if (atConfirm !== "preparing" || atRelease !== "active")
      bad.push(`no deadlock: ${atConfirm}, ${atRelease}`);
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  }
  if (missed === 10) bad.push("no deadlock in ten rounds");
  await pool.sql("DROP TABLE weight");
  injected("4 MariaDB deadlocks lost", 2 * times, bad);
  expect(bad).toEqual([]);
});

test("it is restored to an earlier state", async () => {
  const name = new URL(pool.settings.DATABASE_URL).pathname.slice(1);
  const ledger = new Ledger();
  const old = await ledger.reserve(pool.api, "restoldone", 1);
  const dump = await must(
    "mariadb-dump",
    `--socket=${server.socket}`,
    "--user=root",
    "--single-transaction",
    name,
  );
  // Unknown to the dump: one that is over, and one that still exists.
  const over = await ledger.reserve(pool.api, "restover", 1);
  await ledger.release(pool.api, over);
  const lost = [
    await ledger.reserve(pool.api, "restlosta", 2),
    await ledger.reserve(pool.api, "restlostb", 1),
  ];
  const given = (await pool.sql("SELECT uid FROM reservations")).map(({ uid }) => uid);
  await pool.scheduler?.stop("SIGKILL");
  const connection = await createConnection({
    socketPath: server.socket,
    user: "root",
    database: name,
    multipleStatements: true,
  });
  await connection.query(dump);
  await connection.end();
  // Before any clean-up, a machine with an account that no row knows accepts nobody new.
  const early = await ledger.reserve(pool.api, "restearly", 1);
  const { startProgram } = await import("../support/program.ts");
  pool.scheduler = await startProgram(pool.settings, "scheduler");
  await pool.sql("UPDATE machines SET probed_at = probed_at - INTERVAL 1 HOUR");
  const portOf = (one: Asked) => pool.machines.find(({ name }) => name === one.machines[0])?.port ?? 0;
  const bad: string[] = [];
  await until("the sweep found what no row knows", 60_000, async () => {
    await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined'");
    const texts = await Promise.all(pool.machines.map(({ root }) => Bun.file(`${root}/etc/passwd`).text()));
    return !texts.some((text) => /^restlost[ab]:/m.test(text));
  }).catch((error) => bad.push(`I6 ${error.message}`));
  for (const entry of [over, ...lost]) entry.ended = true;
  // The one that the dump knows is unchanged.
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger, restored: true })));
  if (!(await canLogIn({ port: portOf(old), username: old.username, password: old.password })))
    bad.push("I3 the reservation that the dump knows does not work");
  bad.push(...(await allFree(ledger, true)));
  const later = await ledger.reserve(pool.api, "restlater", 4);
  if (later.outcome !== "granted") bad.push(`I5 afterwards a reservation of all is answered ${later.status}`);
  bad.push(...(await check(pool, { ledger, restored: true })));
  const [row] = await pool.sql(
    "SELECT uid FROM reservations WHERE username = 'restlater' AND state = 'active'",
  );
  if (given.includes(row?.uid)) bad.push(`I6 uid ${row.uid} was given again after the restore`);
  bad.push(...(await allFree(ledger, true)));
  injected("4 MariaDB restored from a dump", 1, bad, `a reservation before the sweep: ${early.status}`);
  expect(bad).toEqual([]);
});
