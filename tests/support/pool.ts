// A whole pool for a test: real machines, a separate database, one or more APIs, a scheduler on request.
import { createPool } from "mysql2/promise";
import { troubleOf } from "../../db/errors.ts";
import type { Databases } from "./database.ts";
import { startMachines, type TestMachine } from "./machines.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "./program.ts";
import { until } from "./until.ts";

export interface TestPool {
  machines: TestMachine[];
  settings: Settings;
  apis: Program[];
  api: Program;
  scheduler: Program | undefined;
  /** Runs SQL on the pool's database. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql(text: string, values?: unknown[]): Promise<any[]>;
  register(machine: TestMachine, more?: Record<string, unknown>): ReturnType<typeof call>;
  stop(): Promise<void>;
}

export async function startPool(
  size: number,
  options: {
    apis?: number;
    scheduler?: boolean;
    settings?: Record<string, string>;
    /** of the machines' names, which are unique in a test process */
    prefix?: string;
    /** instead of the one that all tests share */
    server?: Databases;
  } = {},
): Promise<TestPool> {
  const [machines, settings] = await Promise.all([
    startMachines(size, { prefix: options.prefix ?? "m-" }),
    newSettings(options.settings, options.server),
  ]);
  const apis = await Promise.all(Array.from({ length: options.apis ?? 1 }, () => startProgram(settings)));
  const api = apis[0] as Program;
  const scheduler = options.scheduler ? await startProgram(settings, "scheduler") : undefined;
  const url = new URL(settings.DATABASE_URL);
  // A pool: it reconnects after the server was restarted.
  const connection = createPool({
    socketPath: url.searchParams.get("socketPath") ?? "",
    user: "root",
    database: url.pathname.slice(1),
    timezone: "Z",
    connectionLimit: 3,
  });
  const pool: TestPool = {
    machines,
    settings,
    apis,
    api,
    scheduler,
    // Beside a program that works on the same rows it may be the one that a deadlock undoes.
    async sql(text, values) {
      for (let tries = 1; ; tries++)
        try {
          return (await connection.query(text, values))[0] as unknown[];
        } catch (error) {
          if (troubleOf(error) !== "undone" || tries === 10) throw error;
        }
    },
    register: ({ name, host, port, user, password }, more = {}) =>
      call(api, "POST", "/machines", { name, host, port, user, password, ...more }),
    async stop() {
      await Promise.all(
        [...apis, ...(pool.scheduler ? [pool.scheduler] : [])].map((one) => one.stop("SIGKILL")),
      );
      await connection.end();
      await Promise.all(machines.map((machine) => machine.stop()));
    },
  };
  // Fifty simultaneous logins may block a busy machine for longer than the program waits for its database. A 503 says to
  // retry, and may come although the request was carried out.
  const registered = (machine: TestMachine) =>
    until(`${machine.name} is registered`, 60_000, async () => {
      const { status, body } = await pool.register(machine);
      if (status !== 503 && status !== 201 && body.code !== "machine_exists")
        throw new Error(`can't register: ${JSON.stringify(body)}`);
      return status !== 503;
    });
  for (let n = 0; n < size; n += 10) await Promise.all(machines.slice(n, n + 10).map(registered));
  // A scheduler may have been quicker to take one over than the request that registered it.
  await until("all machines are offered", 60_000, async () => {
    const rows = await pool.sql("SELECT 1 FROM machines WHERE state = 'available'");
    return rows.length === size;
  });
  return pool;
}
