// A whole pool for a test: real machines, a database of its own, the API (or several), a scheduler when asked for.
import { createConnection } from "mysql2/promise";
import { startMachines, type TestMachine } from "./machines.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "./program.ts";

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
  options: { apis?: number; scheduler?: boolean; settings?: Record<string, string>; prefix?: string } = {},
): Promise<TestPool> {
  const [machines, settings] = await Promise.all([
    startMachines(size, { prefix: options.prefix ?? "m-" }),
    newSettings(options.settings),
  ]);
  const apis = await Promise.all(Array.from({ length: options.apis ?? 1 }, () => startProgram(settings)));
  const api = apis[0] as Program;
  const scheduler = options.scheduler ? await startProgram(settings, "scheduler") : undefined;
  const url = new URL(settings.DATABASE_URL);
  const connection = await createConnection({
    socketPath: url.searchParams.get("socketPath") ?? "",
    user: "root",
    database: url.pathname.slice(1),
    timezone: "Z",
  });
  const pool: TestPool = {
    machines,
    settings,
    apis,
    api,
    scheduler,
    async sql(text, values) {
      const [rows] = await connection.query(text, values);
      return rows as unknown[];
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
  const answers = await Promise.all(machines.map((machine) => pool.register(machine)));
  for (const { status, body } of answers)
    if (status !== 201 || body.state !== "available")
      throw new Error(`can't register: ${JSON.stringify(body)}`);
  return pool;
}
