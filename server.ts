import { ConfigError, config } from "./config.ts";
import { checkDurability, waitForDatabase, waitForTables } from "./db/migrate.ts";
import { deps } from "./deps.ts";
import { placeOf, reasonOf } from "./log.ts";
import { checkSecretKey } from "./pool/secrets/keyring.ts";
import { superviseWorkers } from "./workers.ts";

/** A service that gave up would have to be restarted by hand when the database is back. */
const DATABASE_WAIT_SECONDS = Number.POSITIVE_INFINITY;
/** Stopping must take less than 10 s in all. */
const DRAIN_MS = 8000;

/** Bodies over 64 KiB get our own error (http/body.ts); this limits what reaches us at all. */
const MOST_BODY_BYTES = 1024 * 1024;

async function prepareDatabase(): Promise<void> {
  const { database, log } = deps();
  const say = (line: string) => log("info", line);
  await waitForDatabase(database, DATABASE_WAIT_SECONDS, say);
  await waitForTables(database, config().database.url, DATABASE_WAIT_SECONDS, say);
  await checkDurability(database.db);
  await checkSecretKey(database.db, config().secrets.secretKey);
}

/** Runs `stop` at the first SIGTERM or SIGINT, then exits with 0; a second signal ends the process at once. */
function stopOnSignal(stop: () => Promise<unknown>): void {
  let stopping = false;
  const onSignal = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    deps().log("info", "stopping");
    const limit = new Promise((go) => setTimeout(go, DRAIN_MS));
    await Promise.race([
      stop().catch((error) => deps().log("error", "could not stop cleanly", { reason: reasonOf(error) })),
      limit,
    ]);
    process.exit(0);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

async function startApi(): Promise<void> {
  const { app } = await import("./app.ts");
  const { host, port } = config().server;
  const { adminToken } = config().secrets;
  // Workers share their port and nothing else.
  app.listen({
    hostname: host,
    port,
    reusePort: process.env.MACHINE_MANAGER_WORKER === "1",
    maxRequestBodySize: MOST_BODY_BYTES,
    idleTimeout: 0,
    // Bun's own pages would show our sources: /bun:info, and any uncaught error.
    development: false,
  });
  stopOnSignal(async () => {
    deps().stopping.abort();
    await app.stop();
    await deps().database.close();
  });
  const open = adminToken ? "" : ", open to everybody on this machine: set ADMIN_TOKEN to require a token";
  deps().log("info", `listening on http://${host}:${app.server?.port ?? port}${open}`);
}

async function startScheduler(): Promise<void> {
  const { startJobs } = await import("./cron/start.ts");
  const stopJobs = startJobs(deps());
  stopOnSignal(async () => {
    await stopJobs(DRAIN_MS - 1000);
    await deps().database.close();
  });
  deps().log("info", "scheduler started");
}

const [word, ...rest] = process.argv.slice(2);
if (word === "--help" || word === "-h") {
  console.log(
    "bun server.ts: the API, or with SCHEDULER=true the scheduler. Settings come from the environment: see .env.example.",
  );
  console.log((await import("./commands.ts")).usage());
  process.exit(0);
}
try {
  if (word !== undefined) {
    const { runCommand } = await import("./commands.ts");
    process.exit(await runCommand(word, rest));
  } else if (
    config().server.webConcurrency > 1 &&
    !config().server.scheduler &&
    process.env.MACHINE_MANAGER_WORKER !== "1"
  ) {
    superviseWorkers(config().server.webConcurrency, deps().log);
  } else {
    await prepareDatabase();
    await (config().server.scheduler ? startScheduler() : startApi());
  }
} catch (error) {
  console.error(
    `machine-manager: ${error instanceof ConfigError ? error.message : reasonOf(error) + placeOf(error)}`,
  );
  process.exit(1);
}
