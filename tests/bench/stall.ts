// How long a request waits behind a plan: GET /healthz of an API that plans again and again for 10 000 machines, 1000 bookings
// and 200 requests in its queue, beside the same API before anybody waits. The database is real; no machine is asked for anything.
// By hand: bun tests/bench/stall.ts [MACHINES] [BOOKINGS] [QUEUED]
import { createPool } from "mysql2/promise";
import { call, newSettings, startProgram } from "../support/program.ts";
import { whatMachine } from "./measure.ts";

const [size = 10_000, booked = 1000, queued = 200] = process.argv.slice(2).map(Number);
const ROUNDS = 20;
const settings = await newSettings({ MAX_QUEUED: `${queued + ROUNDS}` });
const api = await startProgram(settings);
const url = new URL(settings.DATABASE_URL);
const pool = createPool({
  socketPath: url.searchParams.get("socketPath") ?? "",
  user: "root",
  database: url.pathname.slice(1),
  timezone: "Z",
});

const at = (minutes: number) => new Date(Date.now() + minutes * 60_000);
/** Inserts rows with the same columns, a thousand at once. */
async function insert(table: string, rows: Record<string, unknown>[]): Promise<void> {
  const names = Object.keys(rows[0] ?? {});
  for (let n = 0; n < rows.length; n += 1000)
    await pool.query(`INSERT INTO ${table} (${names.join(", ")}) VALUES ?`, [
      rows.slice(n, n + 1000).map((row) => names.map((name) => row[name])),
    ]);
}
const machine = (n: number) => ({
  id: `m${n}`,
  name: `m${n}`,
  host: `m${n}.test`,
  address: `m${n}.test`,
  port: 22,
  login_user: "root",
  secret_kind: "password",
  secret: "none",
  labels: JSON.stringify({ zone: `z${n % 10}`, ram: `${8 << (n % 5)}`, ...(n % 7 ? {} : { gpu: "a100" }) }),
  facts: "{}",
  state: "reserved",
  since: at(0),
  reservation_id: `held${n % 500}`,
  generation: 1,
  last_used_at: at(0),
  probed_at: at(60),
  swept_at: at(0),
  sweep_at: at(1e5),
  created_at: at(0),
});
const reservation = (id: string, state: string, start: number, minutes: number) => ({
  id,
  username: "bench",
  state,
  kind: state === "booked" ? "booking" : "direct",
  count: 1,
  duration_minutes: minutes,
  created_at: at(0),
  starts_at: at(start),
  ends_at: at(start + minutes),
});

/** Asks again and again until the work is done. @returns the answers' times, sorted, in ms */
async function healthz(work: Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let going = true;
  void work.finally(() => {
    going = false;
  });
  while (going) {
    const from = performance.now();
    await fetch(`${api.url}/healthz`).then((answer) => answer.text());
    times.push(performance.now() - from);
  }
  await work;
  return times.toSorted((a, b) => a - b);
}
const oneDigit = (time: number) => `${time.toFixed(1)} ms`;
/** The median, 99 % and the longest of sorted times. */
const told = (times: number[]) =>
  [0.5, 0.99, 1].map((share) => oneDigit(times[Math.ceil(share * times.length) - 1] ?? 0)).join(", ");

try {
  await insert(
    "machines",
    Array.from({ length: size }, (_, n) => machine(n)),
  );
  await insert(
    "reservations",
    Array.from({ length: 500 }, (_, n) => reservation(`held${n}`, "active", -n % 60, 61 + ((n * 7) % 400))),
  );
  const bookings = Array.from({ length: booked }, (_, n) =>
    reservation(`book${n}`, "booked", 600 + ((n * 13) % 5000), 60),
  );
  await insert("reservations", bookings);
  await insert(
    "commitments",
    bookings.map(({ id, starts_at, ends_at }, n) => ({
      reservation_id: id,
      machine_id: `m${n % size}`,
      busy_from: new Date(starts_at.getTime() - 60_000),
      starts_at,
      ends_at,
    })),
  );
  const before = await healthz(Bun.sleep(3000));
  const wheres = [null, 'zone == "z1"', "ram >= 32", "gpu", 'gpu && ram >= 16 && !(zone == "z3")'];
  const ask = (n: number) =>
    call(api, "POST", "/reservations", {
      username: `b${n}`,
      count: 1 + (n % Math.min(20, size)),
      duration: 10 + (n % 50),
      wait: 9000,
      ...(wheres[n % 5] ? { where: wheres[n % 5] } : {}),
    });
  for (let n = 0; n < queued; n += 4)
    // A small pool has none that match.
    for (const { status, body } of await Promise.all([n, n + 1, n + 2, n + 3].map(ask)))
      if (status !== 202 && body.code !== "never_enough") throw new Error(JSON.stringify(body));
  const plans: number[] = [];
  const during = await healthz(
    (async () => {
      for (let n = 0; n < ROUNDS; n++) {
        const from = performance.now();
        await ask(queued + n);
        plans.push(performance.now() - from);
      }
    })(),
  );
  console.log(`${size} machines, ${booked} bookings, ${queued} queued; ${whatMachine()}`);
  console.log(`GET /healthz, median, 99 %, longest: ${told(before)} before; ${told(during)} while it plans`);
  console.log(`a request that queues up, plan included: ${told(plans.toSorted((a, b) => a - b))}`);
  const ratio = (during.at(-1) ?? 0) / (before.at(-1) ?? 1);
  console.log(`the longest while it plans: ${ratio.toFixed(1)} × the longest before`);
} finally {
  await api.stop();
  await pool.end();
}
process.exit(0);
