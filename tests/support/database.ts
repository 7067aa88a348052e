// A private MariaDB for a test process: real, on a socket in a temporary folder, as durable as the product asks for.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { migrateDatabase } from "../../db/migrate.ts";
import { until } from "./until.ts";

export interface TestServer {
  folder: string;
  socket: string;
  signal(name: NodeJS.Signals): void;
  /** Ends it with a signal; its data stays. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it anew on its data, after `end`. */
  start(): Promise<void>;
  /** A new database on it, with the tables of this version; answers its DATABASE_URL, as the server's root. */
  database(): Promise<string>;
  /** The same without tables. */
  empty(): Promise<string>;
  /** The same with two accounts: its owner, and the program's, which has no rights until `migrate` gave them. */
  accounts(): Promise<Accounts>;
  /** Runs SQL as root. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql(text: string): Promise<any[]>;
  stop(): Promise<void>;
}

export interface Accounts {
  DATABASE_URL: string;
  DATABASE_OWNER_URL: string;
  /** the database's name */
  name: string;
  /** the program's account, as SQL names it */
  program: string;
}

let count = 0;

/** @param into where its folder is made: a small file system of its own, say */
export async function startDatabase(flags: string[] = [], into = tmpdir()): Promise<TestServer> {
  const folder = mkdtempSync(join(into, "mm-db-"));
  const socket = join(folder, "sock");
  const data = join(folder, "data");
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
    // Not what we want, but what a server may have: the program must not depend on it.
    "--character-set-server=latin1",
    "--default-time-zone=+05:00",
    "--max-connections=300",
    "--event-scheduler=ON",
    ...asRoot,
    ...flags,
  ];
  const connect = () => createConnection({ socketPath: socket, user: "root", multipleStatements: true });
  const launch = () => Bun.spawn(command, { stdout: "ignore", stderr: Bun.file(join(folder, "log")) });
  let server = launch();
  const up = () =>
    until("MariaDB answers", 30_000, async () => {
      if (server.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
      try {
        await (await connect()).end();
        return true;
      } catch {
        return false;
      }
    });
  await up();
  const stop = async () => {
    server.kill("SIGKILL");
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  // Outlives us for a moment: when this process ends, however it ends, the pipe closes, and server and folder go.
  Bun.spawn(
    [
      "sh",
      "-c",
      'cat; pid=$(cat "$1/pid"); n=0; while kill -KILL "$pid" && [ $((n += 1)) -lt 100 ]; do sleep 0.1; done; rm -rf "$1"',
      "-",
      folder,
    ],
    { stdin: "pipe", stdout: "ignore", stderr: "ignore" },
  ).unref();
  const sql = async (text: string) => {
    const connection = await connect();
    const [rows] = await connection.query(text);
    await connection.end();
    return rows as unknown[];
  };
  const create = async () => {
    const name = `mm_${process.pid}_${++count}`;
    await sql(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin`);
    return name;
  };
  const url = (user: string, name: string) =>
    `mysql://${user}@localhost/${name}?socketPath=${encodeURIComponent(socket)}`;
  let template: Promise<string> | undefined;
  return {
    folder,
    socket,
    sql,
    signal: (name) => server.kill(name),
    async end(signal) {
      server.kill(signal);
      await server.exited;
    },
    async start() {
      server = launch();
      await up();
    },
    async database() {
      // Migrating takes seconds, a copy of what was migrated once none.
      template ??= create().then(async (name) => {
        await migrateDatabase(url("root", name));
        return name;
      });
      const [from, to] = [await template, await create()];
      const tables = await sql(`SHOW TABLES FROM ${from}`);
      const names = tables.map((row) => Object.values(row as object)[0] as string);
      const copies = names.map((name) => `CREATE TABLE ${to}.${name} LIKE ${from}.${name}`);
      const log = `INSERT INTO ${to}.__drizzle_migrations SELECT * FROM ${from}.__drizzle_migrations`;
      await sql([...copies, log].join(";"));
      return url("root", to);
    },
    empty: async () => url("root", await create()),
    async accounts() {
      const name = await create();
      const [owner, program] = [`${name}_owner@localhost`, `${name}@localhost`];
      for (const account of [owner, program])
        await sql(`CREATE USER ${account} IDENTIFIED BY 'a-password-of-${account.split("@")[0]}'`);
      await sql(`GRANT ALL ON ${name}.* TO ${owner} WITH GRANT OPTION`);
      const login = (user: string) => url(`${user}:a-password-of-${user}`, name);
      return { DATABASE_URL: login(name), DATABASE_OWNER_URL: login(`${name}_owner`), name, program };
    },
    stop,
  };
}

let shared: Promise<TestServer> | undefined;

/** The one server of this test process; it ends with the process. */
export function sharedDatabase(): Promise<TestServer> {
  shared ??= startDatabase();
  return shared;
}
