// Fault 9: bad input. Every endpoint gets input made from its own description, and random input; nothing that is refused may
// leave a trace, nothing may hang, nothing may be our fault (5xx).
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { requests } from "./tools/fuzz_requests.ts";
import { type Answer, bytesOf, type Request, Wire } from "./tools/raw.ts";
import { injected, more, SEED } from "./tools/table.ts";

setDefaultTimeout(more(300_000));

const BATCH = 100;
const BATCHES = more(100);
const CONNECTIONS = 8;

let pool: TestPool;
let wires: Wire[];
// biome-ignore lint/suspicious/noExplicitAny: a parsed JSON document
let document: any;
beforeAll(async () => {
  pool = await startPool(2, { prefix: "fuzz-" });
  document = (await call(pool.api, "GET", "/swagger/json")).body;
  wires = Array.from({ length: CONNECTIONS }, () => new Wire(Number(new URL(pool.api.url).port)));
});
afterAll(async () => {
  for (const wire of wires) wire.close();
  await pool.stop();
});

/** Every table except those that record refusals by design: the events, and failed logins. */
const tablesOf = async (): Promise<string[]> =>
  (
    await pool.sql(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT IN ('events', 'login_tries')",
    )
  ).map(({ name }) => name);

/** Everything in the database and on the machines. */
async function everything(): Promise<string> {
  const tables = await Promise.all(
    (await tablesOf()).map(async (table) => [table, await pool.sql(`SELECT * FROM ${table} ORDER BY 1`)]),
  );
  const users = await Promise.all(
    pool.machines.map(({ exec }) => exec("cat /etc/passwd /etc/group; ls /home")),
  );
  return JSON.stringify([tables, users]);
}

/** As above, without what a refusal (409) may leave by design: the failed row, the uid counter, which machines were used. */
async function whatCounts(): Promise<string> {
  const users = await Promise.all(
    pool.machines.map(({ exec }) => exec("cat /etc/passwd /etc/group; ls /home")),
  );
  return JSON.stringify([
    await pool.sql(
      "SELECT id, name, host, port, login_user, secret, labels, host_key, state, drained, reservation_id FROM machines ORDER BY id",
    ),
    await pool.sql("SELECT * FROM reservations WHERE state <> 'failed' ORDER BY id"),
    await pool.sql("SELECT * FROM holds WHERE released_at IS NULL ORDER BY id"),
    await pool.sql("SELECT * FROM users ORDER BY id"),
    await pool.sql("SELECT * FROM tokens ORDER BY id"),
    users,
  ]);
}

/** These end what others may be using, so they are sent alone. */
const endsThings = ({ method, target }: Request) => method === "DELETE" || /release/i.test(target);
/** These may change something if the answer is 2xx. */
const acts = ({ method, target }: Request) => method !== "GET" || /reserve|release/i.test(target);

const shown = ({ method, target, headers, body }: Request) =>
  `${method} ${target.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${body ? new TextDecoder().decode(body).slice(0, 600) : ""}`;

const statuses = new Map<number, number>();
let sent = 0;

function check(request: Request, { status, body }: Answer): void {
  sent++;
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const wrong = (why: string) => new Error(`${why}: ${status} ${body.slice(0, 300)}\n  to ${shown(request)}`);
  if (status >= 500) throw wrong("our fault");
  if (status < 400 || request.method === "HEAD") return;
  let problem: { error?: unknown; code?: unknown } = {};
  try {
    problem = JSON.parse(body);
  } catch {
    throw wrong("an error that is not JSON");
  }
  if (
    typeof problem.error !== "string" ||
    typeof problem.code !== "string" ||
    !/^[a-z_]+$/.test(problem.code)
  )
    throw wrong("an error without our form");
}

/** Sends them over a few connections in parallel, those that end things alone; checks the answers. */
async function send(batch: Request[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  const one = async (wire: Wire, i: number) => {
    const request = batch[i] as Request;
    const answer = await wire.send(bytesOf(request), request.method).catch((error: Error) => {
      throw new Error(`${error.message}\n  to ${shown(request)}`);
    });
    check(request, answer);
    answers[i] = answer;
  };
  const order = [...batch.keys()].filter((i) => !endsThings(batch[i] as Request));
  const worker = async (wire: Wire) => {
    for (let i = order.shift(); i !== undefined; i = order.shift()) await one(wire, i);
  };
  const all = await Promise.allSettled(wires.map(worker));
  for (const result of all) if (result.status === "rejected") throw result.reason;
  for (const [i, request] of batch.entries()) if (endsThings(request)) await one(wires[0] as Wire, i);
  return answers;
}

/** Repeats what was refused. @returns how many were refused again, with nothing changed; 0 if one had an effect this time */
async function refusedOnly(these: Request[]): Promise<number> {
  const before = await Promise.all([everything(), whatCounts()]);
  const answers = await send(these);
  if (these.some((request, i) => (answers[i]?.status ?? 0) < 400 && acts(request))) return 0;
  const conflict = answers.some(({ status }) => status === 409);
  const after = await Promise.all([everything(), whatCounts()]);
  if (after[1] !== before[1] || (!conflict && after[0] !== before[0]))
    throw new Error(`something changed though all were refused:\n${these.map(shown).join("\n")}`);
  return these.length;
}

/** Resets the pool: nothing held, only the real machines, all offered. */
async function tidy(): Promise<void> {
  expect((await call(pool.api, "POST", "/release_all")).status).toBe(200);
  const { machines } = (await call(pool.api, "GET", "/machines")).body;
  const fit = new Set<string>();
  for (const { name, state, drained } of machines)
    if (pool.machines.some((one) => one.name === name) && state === "available" && !drained) fit.add(name);
    else expect((await call(pool.api, "DELETE", `/machines/${encodeURIComponent(name)}`)).status).toBe(200);
  for (const machine of pool.machines)
    if (!fit.has(machine.name)) expect((await pool.register(machine)).body.state).toBe("available");
}

test(`${BATCH * BATCHES} requests made from the API's own description`, async () => {
  console.log(`fuzz: FAULT_SEED=${SEED}`);
  const violations: string[] = [];
  let batches = 0;
  let compared = 0;
  const batch = fc.array(requests(document), { minLength: BATCH, maxLength: BATCH });
  const property = fc.asyncProperty(batch, async (these) => {
    const answers = await send(these);
    // Repeat what was refused, without those that have an effect: now nothing at all may change.
    compared += await refusedOnly(these.filter((_, i) => (answers[i]?.status ?? 0) >= 400));
    if (++batches % 10 === 0) await tidy();
  });
  const from = performance.now();
  try {
    // Shrinking a batch would reveal nothing more: the request that broke the rule is named.
    await fc.assert(property, { seed: SEED, numRuns: BATCHES, endOnFailure: true });
  } catch (error) {
    violations.push(String((error as Error).cause ?? error));
  }
  await tidy();
  const seconds = (performance.now() - from) / 1000;
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${times} × ${status}`);
  const reconnected = wires.reduce((sum, wire) => sum + wire.connections, 0) - wires.length;
  console.log(
    `fuzz: ${sent} requests in ${seconds.toFixed(1)} s, ${compared} compared, ${reconnected} reconnects: ${counts.join(", ")}`,
  );
  injected("9 bad input: fuzzed", sent, violations, `${counts.length} statuses, ${seconds.toFixed(0)} s`);
  expect(violations).toEqual([]);
  expect(sent).toBeGreaterThan(10_000);
  expect(compared).toBeGreaterThan(sent / 10);
  expect(pool.api.log()).not.toContain("unexpected error");
});
