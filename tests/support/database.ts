// A private MariaDB for tests: real, on a socket in a temporary folder, as durable as the product requires. One for each test
// process, or, if the test runner has started one (provision/checks/test.ts), one for all of them.
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createConnection } from "mysql2/promise";
import { migrateDatabase } from "../../db/migrate.ts";
import { until } from "./until.ts";

export interface Databases {
  folder: string;
  socket: string;
  /** A new database with up-to-date tables; returns its DATABASE_URL, as the server's root. */
  database(): Promise<string>;
  /** The same without tables. */
  empty(): Promise<string>;
  /** The same with two database users: its owner, and the program's, which has no rights until `migrate` grants them. */
  databaseUsers(): Promise<DatabaseUsers>;
  /** Runs SQL as root. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql(text: string): Promise<any[]>;
}

export interface TestServer extends Databases {
  signal(name: NodeJS.Signals): void;
  /** Ends it with a signal; its data stays. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on its data, after `end`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface DatabaseUsers {
  DATABASE_URL: string;
  DATABASE_OWNER_URL: string;
  /** the database's name */
  name: string;
  /** the program's database user, as SQL names it */
  program: string;
}

/** The socket of a server that was started for all test processes of a run. */
const OF_THE_RUN = "TEST_DATABASE_SOCKET";
const TEMPLATE = "mm_template";

const connectTo = (socket: string) =>
  createConnection({ socketPath: socket, user: "root", multipleStatements: true });

/** Databases on a running server. @param hasTemplate whether another process has already made the template */
function databasesOn(socket: string, hasTemplate: boolean): Databases {
  const sql = async (text: string) => {
    const connection = await connectTo(socket);
    const [rows] = await connection.query(text);
    await connection.end();
    return rows as unknown[];
  };
  const create = async (name = `mm_${crypto.randomUUID().slice(0, 13).replace("-", "")}`) => {
    await sql(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin`);
    return name;
  };
  const url = (user: string, name: string) =>
    `mysql://${user}@localhost/${name}?socketPath=${encodeURIComponent(socket)}`;
  let template: Promise<unknown> | undefined = hasTemplate ? Promise.resolve() : undefined;
  return {
    folder: dirname(socket),
    socket,
    sql,
    async database() {
      // Migrating takes seconds, copying a migrated template none.
      template ??= create(TEMPLATE).then((name) => migrateDatabase(url("root", name)));
      await template;
      const to = await create();
      const tables = await sql(`SHOW TABLES FROM ${TEMPLATE}`);
      const names = tables.map((row) => Object.values(row as object)[0] as string);
      const copies = names.map((name) => `CREATE TABLE ${to}.${name} LIKE ${TEMPLATE}.${name}`);
      const log = `INSERT INTO ${to}.__drizzle_migrations SELECT * FROM ${TEMPLATE}.__drizzle_migrations`;
      await sql([...copies, log].join(";"));
      return url("root", to);
    },
    empty: async () => url("root", await create()),
    async databaseUsers() {
      const name = await create();
      const [owner, program] = [`${name}_owner@localhost`, `${name}@localhost`];
      for (const user of [owner, program])
        await sql(`CREATE USER ${user} IDENTIFIED BY 'a-password-of-${user.split("@")[0]}'`);
      await sql(`GRANT ALL ON ${name}.* TO ${owner} WITH GRANT OPTION`);
      const login = (user: string) => url(`${user}:a-password-of-${user}`, name);
      return { DATABASE_URL: login(name), DATABASE_OWNER_URL: login(`${name}_owner`), name, program };
    },
  };
}

const RAM = "/dev/shm";
const ENOUGH_BYTES = 2 * 1024 ** 3;
/** The prefix of this test run's folders in RAM. */
const ramPrefix = () => `mm-data-${basename(tmpdir())}-`;

/** Tests would mostly wait for disk syncs; here only processes are killed, never the power. */
function dataFolder(folder: string): string {
  try {
    const { bavail, bsize } = statfsSync(RAM);
    if (bavail * bsize > ENOUGH_BYTES) return mkdtempSync(join(RAM, ramPrefix()));
  } catch {
    // doesn't exist here
  }
  return join(folder, "data");
}

/** @param into where to make its folder and its data: a separate small file system, say */
export async function startDatabase(flags: string[] = [], into?: string): Promise<TestServer> {
  const folder = mkdtempSync(join(into ?? tmpdir(), "mm-db-"));
  const socket = join(folder, "sock");
  const data = into === undefined ? dataFolder(folder) : join(folder, "data");
  const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
  const install = Bun.spawn(
    [
      "mariadb-install-db",
      "--no-defaults",
      `--datadir=${data}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      // Not /tmp, where another run may be making its own.
      `--tmpdir=${folder}`,
      ...asRoot,
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  if ((await install.exited) !== 0) throw new Error(await new Response(install.stderr).text());
  const command = [
    "mariadbd",
    "--no-defaults",
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--pid-file=${join(folder, "pid")}`,
    "--skip-networking",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=1",
    // Not what we want, but a possible server setting: the program must not depend on it.
    "--character-set-server=latin1",
    "--default-time-zone=+05:00",
    "--max-connections=1000",
    "--event-scheduler=ON",
    ...asRoot,
    ...flags,
  ];
  const launch = () => Bun.spawn(command, { stdout: "ignore", stderr: Bun.file(join(folder, "log")) });
  let server = launch();
  const up = () =>
    until("MariaDB answers", 30_000, async () => {
      if (server.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
      try {
        await (await connectTo(socket)).end();
        return true;
      } catch {
        return false;
      }
    });
  await up();
  const stop = async () => {
    server.kill("SIGKILL");
    await server.exited;
    for (const one of [folder, data]) rmSync(one, { recursive: true, force: true });
  };
  // Outlives us for a moment: when this process ends, however it ends, the pipe closes, and server and folder are removed.
  Bun.spawn(
    [
      "setsid", // killing our process group must not kill this
      "sh",
      "-c",
      'cat; pid=$(cat "$1/pid"); n=0; while kill -KILL "$pid" && [ $((n += 1)) -lt 100 ]; do sleep 0.1; done; rm -rf "$1" "$2"',
      "-",
      folder,
      data,
    ],
    { stdin: "pipe", stdout: "ignore", stderr: "ignore" },
  ).unref();
  return {
    ...databasesOn(socket, false),
    signal: (name) => server.kill(name),
    async end(signal) {
      server.kill(signal);
      await server.exited;
    },
    async start() {
      server = launch();
      await up();
    },
    stop,
  };
}

let shared: Promise<Databases> | undefined;

/** The server of this test process, which ends with it, or of the whole run. */
export function sharedDatabase(): Promise<Databases> {
  const socket = process.env[OF_THE_RUN];
  shared ??= socket ? Promise.resolve(databasesOn(socket, true)) : startDatabase();
  return shared;
}
