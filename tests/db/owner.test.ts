// Two database users: the owner changes tables, the program may only add to the events.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createConnection } from "mysql2/promise";
import { connectionOptions, openDatabase } from "../../db/client.ts";
import { waitForTables } from "../../db/migrate.ts";
import { type DatabaseUsers, startDatabase, type TestServer } from "../support/database.ts";
import {
  call,
  type Program,
  restrictedSettings,
  runCommand,
  type Settings,
  startProgram,
} from "../support/program.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

let server: TestServer;
beforeAll(async () => {
  server = await startDatabase(); // a separate server: some tests change settings of the whole server
});
afterAll(() => server.stop());

const settingsFor = ({ DATABASE_URL }: DatabaseUsers): Settings => ({
  DATABASE_URL,
  SECRET_KEY: Buffer.alloc(32, 7).toString("base64"),
});
const migrate = ({ DATABASE_URL, DATABASE_OWNER_URL }: DatabaseUsers, ...more: string[]) =>
  runCommand({ DATABASE_URL, DATABASE_OWNER_URL }, "migrate", ...more);
const grants = async ({ program }: DatabaseUsers) =>
  (await server.sql(`SHOW GRANTS FOR ${program}`)).flatMap((row) => Object.values(row as object)).sort();
/** The server's answer to the program's database user: "" or its error. */
async function tries(users: DatabaseUsers, statement: string): Promise<string> {
  const connection = await createConnection(connectionOptions(users.DATABASE_URL));
  const said = await connection.query(statement).then(
    () => "",
    (error) => String(error.message),
  );
  await connection.end();
  return said;
}

test("migrate makes the tables and grants only what the program needs; a second run changes nothing", async () => {
  const users = await server.databaseUsers();
  const first = await migrate(users);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toContain("the tables are up to date");
  const given = await grants(users);
  const again = await migrate(users);
  expect(again).toMatchObject({ code: 0, stdout: "migrate: the tables are up to date\n" });
  expect(await grants(users)).toEqual(given);
  expect(given.join("\n")).not.toContain(`ON \`${users.name}\`.*`);
  for (const statement of [
    "UPDATE events SET actor = 'nobody'",
    "DELETE FROM events",
    "TRUNCATE events",
    "DROP TABLE events",
    "ALTER TABLE events DROP COLUMN actor",
    "CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW SET NEW.actor = 'nobody'",
    "RENAME TABLE events TO old_events",
    "DELETE FROM __drizzle_migrations",
    "DROP TABLE machines",
    "CREATE TABLE more (id int)",
    "ALTER DATABASE CHARACTER SET latin1",
    "DROP EVENT prune_events",
    "ALTER EVENT prune_events DISABLE",
    "CREATE EVENT more ON SCHEDULE EVERY 1 HOUR DO DELETE FROM events",
    `GRANT DELETE ON ${users.name}.events TO ${users.program}`,
  ])
    expect(`${statement}: ${await tries(users, statement)}`).toMatch(/denied/);
  expect(await tries(users, "DELETE FROM machines")).toBe("");
  expect(first.stdout + first.stderr).not.toContain("a-password-of");
});

test("several may run at once", async () => {
  const users = await server.databaseUsers();
  for (const { code, stderr } of await Promise.all([migrate(users), migrate(users), migrate(users)]))
    expect(`${code} ${stderr}`).toBe("0 ");
  expect(await tries(users, "DELETE FROM events")).toContain("denied");
});

test("a database user that had all rights on the database loses them, even on its open connections", async () => {
  const users = await server.databaseUsers();
  await server.sql(`GRANT ALL ON \`${users.name.replaceAll("_", "\\_")}\`.* TO ${users.program}`);
  await server.sql(`GRANT ALL ON ${users.name}.* TO ${users.program} WITH GRANT OPTION`);
  // As with an earlier version: the program has made its tables itself, and keeps running during the upgrade.
  const api = await startProgram(settingsFor(users));
  const old = await createConnection(connectionOptions(users.DATABASE_URL));
  old.on("error", () => {});
  await old.query("DELETE FROM events");
  const answers: Promise<number>[] = [];
  const ask = setInterval(() => answers.push(fetch(`${api.url}/available`).then(({ status }) => status)), 20);
  const { code, stdout, stderr } = await migrate(users);
  clearInterval(ask);
  expect(`${code} ${stderr}`).toBe("0 ");
  expect(stdout).toContain("REVOKE ALL PRIVILEGES");
  expect((await grants(users)).join("\n")).not.toMatch(/ALL PRIVILEGES|GRANT OPTION/);
  await expect(old.query("DELETE FROM events")).rejects.toThrow();
  expect(await tries(users, "DELETE FROM events")).toContain("denied");
  // The ended connections cost an answer or two, but nothing was ever refused.
  expect(new Set(await Promise.all(answers)).difference(new Set([200, 503]))).toEqual(new Set());
  expect((await call(api, "POST", "/users", { name: "dora" })).status).toBe(201);
  expect(api.log()).not.toContain("denied");
  await api.stop();
});

test("rights that the owner can't revoke, or one database user for both, are reported", async () => {
  const users = await server.databaseUsers();
  await server.sql(`GRANT DELETE ON *.* TO ${users.program}`);
  const beyond = await migrate(users);
  expect(beyond.code).toBe(1);
  expect(beyond.stderr).toContain("may still do");
  await server.sql(`REVOKE DELETE ON *.* FROM ${users.program}`);
  await server.sql(`GRANT ALL ON \`${users.name.slice(0, -1)}%\`.* TO ${users.program}`);
  const pattern = await migrate(users);
  expect(pattern.code).toBe(1);
  expect(pattern.stderr).toContain("run it as the database's administrator");
  const same = await migrate({ ...users, DATABASE_URL: users.DATABASE_OWNER_URL });
  expect(same.code).toBe(1);
  expect(same.stderr).toContain("the same database user");
});

test("a program that may not change tables waits for the owner, says so, and then starts", async () => {
  const users = await server.databaseUsers();
  const started = Promise.withResolvers<Program>();
  const starting = startProgram(settingsFor(users), "api", { onStart: started.resolve });
  const program = await started.promise;
  await until("it says that it waits", 30_000, () => program.log().includes("bun server.ts migrate"));
  expect(program.log()).toContain("waiting for that");
  expect(program.log()).not.toContain("listening on");
  expect((await migrate(users)).code).toBe(0);
  const api = await starting;
  expect((await call(api, "GET", "/available")).status).toBe(200);
  expect(await api.stop()).toBe(0);
});

test("it also waits for an upgrade's new tables, and their rights", async () => {
  const { users, settings } = await restrictedSettings({}, server);
  await server.sql(
    `UPDATE ${users.name}.__drizzle_migrations SET created_at = created_at - 1 ORDER BY created_at DESC LIMIT 1`,
  );
  const started = Promise.withResolvers<Program>();
  const starting = startProgram(settings, "scheduler", { onStart: started.resolve });
  const program = await started.promise;
  await until("it says that it waits", 30_000, () => program.log().includes("bun server.ts migrate"));
  await server.sql(`REVOKE ALL ON ${users.name}.machines FROM ${users.program}`);
  await server.sql(
    `UPDATE ${users.name}.__drizzle_migrations SET created_at = created_at + 1 ORDER BY created_at DESC LIMIT 1`,
  );
  // The tables exist, but the rights on one of them are missing.
  const looks = async () => Number((await server.sql("SHOW GLOBAL STATUS LIKE 'Com_select'"))[0].Value);
  const before = await looks();
  await until("it has looked again, and again", 30_000, async () => (await looks()) > before + 4);
  expect(program.log()).not.toContain("scheduler started");
  expect((await migrate(users)).stdout).toContain("on tables: 1");
  expect(await (await starting).stop()).toBe(0);
});

test("when it gives up, it says again what it waited for", async () => {
  const { DATABASE_URL } = await server.databaseUsers();
  const database = openDatabase(DATABASE_URL);
  const said: string[] = [];
  const waited = waitForTables(database, DATABASE_URL, 1, (line) => said.push(line));
  await expect(waited).rejects.toThrow("bun server.ts migrate");
  expect(said).toHaveLength(1);
  await database.close();
});

test("a database that may lose committed data is refused, even by a program with nothing to migrate", async () => {
  const { settings } = await restrictedSettings({}, server);
  await server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
  const refused = await startProgram(settings).catch(String);
  await server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
  expect(refused).toContain("innodb_flush_log_at_trx_commit=1");
});

test("prune-events deletes old events, batch by batch, records that, and doesn't block others", async () => {
  const { users, settings } = await restrictedSettings({}, server);
  const { DATABASE_URL, DATABASE_OWNER_URL, name } = users;
  const prune = (...words: string[]) =>
    runCommand({ DATABASE_URL, DATABASE_OWNER_URL }, "prune-events", ...words);
  // Here it is done by hand.
  await server.sql(`DROP EVENT ${name}.prune_events`);
  const api = await startProgram(settings);
  const columns = "(at, actor, address, request_id, action, object, details)";
  const add = (count: number, age: string) =>
    server.sql(`INSERT INTO ${name}.events ${columns}
      SELECT UTC_TIMESTAMP(3) - INTERVAL ${age}, 'eve', '', '', 'old.event', seq, '{}' FROM ${name}.seq_1_to_${count}`);
  await add(5003, "366 DAY");
  await add(2, "364 DAY");
  const added: number[] = [];
  let [going, last] = [true, 0];
  // Few at once: on a busy machine, as many as can be would wait for each other.
  const client = async () => {
    while (going) added.push((await call(api, "POST", "/users", { name: `u${++last}` })).status);
  };
  const clients = [client(), client(), client()];
  const pruned = await prune("--older-than", "365d");
  going = false;
  await Promise.all(clients);
  expect(pruned).toEqual({
    code: 0,
    stdout: "prune-events: 5003 events older than 365 days were deleted\n",
    stderr: "",
  });
  expect(added.length).toBeGreaterThan(2);
  expect(new Set(added)).toEqual(new Set([201]));
  const { events } = (await call(api, "GET", "/events?action=events.pruned")).body;
  expect(events.map((one: { details: { count: number } }) => one.details.count)).toEqual([1003, 2000, 2000]);
  expect(events[0]).toMatchObject({ actor: "owner", object: "events", details: { days: 365 } });
  expect((await call(api, "GET", "/events?action=old.event")).body.events).toHaveLength(2);
  const [{ n }] = await server.sql(`SELECT COUNT(*) AS n FROM ${name}.events WHERE action = 'user.created'`);
  expect(Number(n)).toBe(added.length);

  // Nothing old: nothing deleted, nothing recorded.
  expect((await prune("--older-than=365d")).stdout).toContain("0 events");
  expect((await call(api, "GET", "/events?action=events.pruned")).body.events).toHaveLength(3);
  // If it can't be recorded, nothing is deleted. (Only a trigger can stop the owner from recording.)
  await server.sql(
    `CREATE TRIGGER ${name}.refuse BEFORE INSERT ON ${name}.events FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no event'`,
  );
  const unrecorded = await prune("--older-than", "363d");
  expect(unrecorded.code).toBe(1);
  expect((await call(api, "GET", "/events?action=old.event")).body.events).toHaveLength(2);
  // The program's database user can't, whoever calls it.
  const asProgram = await runCommand(
    { DATABASE_URL, DATABASE_OWNER_URL: DATABASE_URL },
    "prune-events",
    "--older-than",
    "1d",
  );
  expect(asProgram.code).toBe(1);
  expect(asProgram.stderr).toContain("DELETE command denied");
  expect(asProgram.stderr).not.toContain("a-password-of");
  await api.stop();
});

test("the database deletes old events automatically, as the owner, batch by batch, and records that", async () => {
  const { users, settings } = await restrictedSettings({}, server);
  const { DATABASE_URL, DATABASE_OWNER_URL, name } = users;
  const migrateWith = (days: string) =>
    runCommand({ DATABASE_URL, DATABASE_OWNER_URL, EVENTS_DAYS: days }, "migrate");
  const event = async () =>
    (
      await server.sql(
        `SELECT DEFINER, STATUS, EVENT_COMMENT, INTERVAL_VALUE, INTERVAL_FIELD FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${name}'`,
      )
    )[0];
  expect(await event()).toMatchObject({
    DEFINER: `${name}_owner@localhost`,
    STATUS: "ENABLED",
    EVENT_COMMENT: expect.stringMatching(/^365 days/),
    INTERVAL_FIELD: "HOUR",
  });
  expect((await migrateWith("")).stdout).not.toContain("from now on");
  await server.sql(`INSERT INTO ${name}.events (at, actor, address, request_id, action, object, details)
    SELECT UTC_TIMESTAMP(3) - INTERVAL 31 DAY, 'eve', '', '', 'old.event', seq, '{}' FROM ${name}.seq_1_to_2003`);
  // A new EVENT starts at once.
  expect((await migrateWith("30")).stdout).toContain("from now on, events are deleted after 30 days");
  await until("they are gone", 30_000, async () => {
    const [{ n }] = await server.sql(`SELECT COUNT(*) AS n FROM ${name}.events WHERE action = 'old.event'`);
    return Number(n) === 0;
  });
  const api = await startProgram(settings);
  await until("each batch is recorded", 10_000, async () => {
    const { events } = (await call(api, "GET", "/events?action=events.pruned")).body;
    return events.length === 2;
  });
  const { events } = (await call(api, "GET", "/events?action=events.pruned")).body;
  expect(events.map((one: { details: { count: number } }) => one.details.count)).toEqual([3, 2000]);
  expect(events[0]).toMatchObject({
    actor: "owner",
    object: "events",
    details: { days: 30, before: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) },
  });
  await api.stop();

  // If the server does not run them, migrate says so, each time.
  await server.sql("SET GLOBAL event_scheduler = OFF");
  const off = await migrateWith("30");
  await server.sql("SET GLOBAL event_scheduler = ON");
  expect(off.code).toBe(0);
  expect(off.stdout).toContain("event_scheduler is OFF");
  expect(off.stdout).toContain("event_scheduler=ON");
  // 0: never.
  expect((await migrateWith("0")).stdout).toContain("kept forever");
  expect(await event()).toBeUndefined();
  expect((await migrateWith("0")).stdout).not.toContain("kept forever");
});

test("prune-events takes whole days and nothing else", async () => {
  for (const words of [
    [],
    ["365d"],
    ["--older-than"],
    ...[
      "",
      "0d",
      "-1d",
      "1",
      "12h",
      "1.5d",
      "1d1d",
      "36501d",
      "99999999999999999999d",
      "d",
      "1d; DROP TABLE events",
    ].map((text) => ["--older-than", text]),
    ["--older-than", "9d", "--force"],
    ["--older-than", "9d", "10d"],
  ]) {
    const refused = await runCommand({}, "prune-events", ...words);
    expect(`${words.join(" ")}: ${refused.code}`).toBe(`${words.join(" ")}: 2`);
    expect(refused.stderr).toContain("--older-than 365d");
  }
});

test("wrong usage of a command is refused, with the usage", async () => {
  const nothing = await runCommand({}, "migrat");
  expect(nothing.code).toBe(2);
  expect(nothing.stderr).toContain("no such command");
  expect((await runCommand({}, "migrate", "now")).code).toBe(2);
  const help = await runCommand({}, "migrate", "--help");
  expect(help).toMatchObject({ code: 0, stderr: "" });
  expect(help.stdout).toContain("DATABASE_OWNER_URL");
  expect((await runCommand({}, "--help")).stdout).toContain("migrate");
  const unset = await runCommand({}, "migrate");
  expect(unset.code).toBe(1);
  expect(unset.stderr).toContain("DATABASE_OWNER_URL is not set");
  expect(unset.stderr).not.toContain("SECRET_KEY");
  const users = await server.databaseUsers();
  const other = await migrate({ ...users, DATABASE_URL: await server.database() });
  expect(other.stderr).toContain("different databases");
});
