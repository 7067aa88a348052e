// What GET /usage costs with a large history: how long it takes, its slowest statement's share of the time limit, and how much of
// its rate GET /available keeps meanwhile. The database is real; the history is made up.
// By hand: bun tests/bench/usage.ts [RESERVATIONS] [MACHINES] [ROUNDS]
import { readUsage } from "../../pool/usage/usage.ts";
import { call, startProgram } from "../support/program.ts";
import { startStubPool } from "../support/stub_pool.ts";
import { median, milliseconds, timed, whatMachine } from "./measure.ts";

const [reservations = 200_000, machines = 500, rounds = 5] = process.argv.slice(2).map(Number);
/** The history goes back so far. */
const DAYS = 30;
const LIMIT_MS = 3000;
const AT_ONCE = 8;
const SECONDS = 3;

const pool = await startStubPool(1);
const { deps, sql } = pool;
console.log(whatMachine());

await sql(
  "INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, state, since, generation, last_used_at, probed_at, swept_at, sweep_at, created_at) " +
    `SELECT CONCAT('m', seq), CONCAT('m', seq), 'h', CONCAT('m', seq), 1, 'root', 'pool_key', '', CONCAT('{"rack": "', seq % 20, '"}'), 'available', UTC_TIMESTAMP(3), 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL ${DAYS} DAY FROM seq_1_to_${machines}`,
);
await sql(
  `INSERT INTO users (id, name, role, created_at) SELECT CONCAT('u', seq), CONCAT('user', seq), 'user', UTC_TIMESTAMP(3) FROM seq_1_to_400`,
);
const began = performance.now();
for (let n = 0; n < reservations; n += 5000) {
  const some = `seq_${n}_to_${Math.min(n + 5000, reservations) - 1}`;
  const start = `UTC_TIMESTAMP(3) - INTERVAL ${DAYS} * 86400 * (1 - seq / ${reservations}) SECOND`;
  await sql(
    "INSERT INTO reservations (id, user_id, username, state, fault, count, duration_minutes, created_at, starts_at, ends_at, ended_at) " +
      `SELECT UUID(), CONCAT('u', 1 + seq % 400), 'x', IF(seq % 50, 'ended', 'failed'), IF(seq % 50, NULL, 'unreachable'), 1, 60, ${start}, ${start}, ${start} + INTERVAL 60 MINUTE, ${start} + INTERVAL (5 + seq % 55) MINUTE FROM ${some}`,
  );
}
await sql(
  "INSERT INTO holds (id, reservation_id, machine_id, machine_name, slot, claimed_at, confirmed_at, ending_at, released_at) " +
    `SELECT UUID(), id, CONCAT('m', 1 + CRC32(id) % ${machines}), 'x', 1, created_at, created_at + INTERVAL 200000 MICROSECOND, ended_at - INTERVAL 300000 MICROSECOND, ended_at FROM reservations`,
);
await sql("ANALYZE TABLE reservations, holds");
console.log(
  `${reservations} reservations of ${DAYS} days on ${machines} machines, made in ${milliseconds(performance.now() - began)}`,
);

/** The slowest statement, in ms. */
async function slowest(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  const { pool: connections } = deps.database;
  const query = connections.query.bind(connections) as (...parts: unknown[]) => Promise<unknown>;
  Object.assign(connections, {
    query: async (...parts: unknown[]) => {
      const from = performance.now();
      const result = await query(...parts);
      most = Math.max(most, performance.now() - from);
      return result;
    },
  });
  await work();
  Object.assign(connections, { query });
  return most;
}

const day = (ago: number) => new Date(Date.now() - ago * 24 * 3_600_000);
for (const [what, input] of [
  ["30 days by user", { by: "user" }],
  ["30 days by label", { by: "label", label: "rack" }],
  ["30 days by day", { by: "day" }],
  ["a week, three weeks ago, by day", { by: "day", from: day(28), to: day(21) }],
  ["an hour, by user", { by: "user", from: day(1 / 24) }],
] as const) {
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) times.push(await timed(() => readUsage(deps, input)));
  const statement = await slowest(() => readUsage(deps, input));
  console.log(
    `${what}: ${milliseconds(median(times))}, slowest statement ${milliseconds(statement)} (${((100 * statement) / LIMIT_MS).toFixed(1)} % of its limit)`,
  );
}

const api = await startProgram({
  DATABASE_URL: deps.config.database.url,
  SECRET_KEY: deps.config.secrets.secretKey,
});
/** Requests a second at GET /available. */
async function rate(): Promise<number> {
  const until = performance.now() + SECONDS * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (; performance.now() < until; done++) await call(api, "GET", "/available?limit=10");
    }),
  );
  return done / SECONDS;
}
await rate();
const alone: number[] = [];
const beside: number[] = [];
for (let n = 0; n < 3; n++) {
  alone.push(await rate());
  let over = false;
  let asked = 0;
  const asking = (async () => {
    for (; !over; asked++) await call(api, "GET", "/usage?by=day");
  })();
  beside.push(await rate());
  over = true;
  await asking;
  if (n === 2) console.log(`beside it: ${asked} × GET /usage in ${SECONDS} s`);
}
const [one, other] = [median(alone), median(beside)];
console.log(
  `GET /available: ${Math.round(one)}/s alone, ${Math.round(other)}/s beside one GET /usage after another (${Math.round((100 * other) / one)} %)`,
);
await api.stop();
await pool.stop();
process.exit();
