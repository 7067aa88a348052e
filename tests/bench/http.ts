// Requests a second at GET /healthz and GET /available, against a bare Bun.serve that answers a constant.
// By hand, as root: bun tests/bench/http.ts [MACHINES] [SECONDS] [ROUNDS]. The load comes from wrk (apt-get install wrk).
import { join } from "node:path";
import { freePort } from "../support/machines.ts";
import { startPool } from "../support/pool.ts";
import { until } from "../support/until.ts";
import { median, whatMachine } from "./measure.ts";

const [machines = 10, seconds = 5, rounds = 3] = process.argv.slice(2).map(Number);
if (!Bun.which("wrk")) {
  console.error("http.ts: there is no wrk here; install it with: apt-get install wrk");
  process.exit(2);
}

async function load(url: string): Promise<number> {
  const child = Bun.spawn(["wrk", "-t1", "-c32", `-d${seconds}s`, url], { stdout: "pipe" });
  const said = await new Response(child.stdout).text();
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(said)?.[1];
  if ((await child.exited) !== 0 || !rate || said.includes("Non-2xx")) throw new Error(said);
  return Number(rate);
}

const port = await freePort();
const bare = Bun.spawn([process.execPath, join(import.meta.dir, "constant.ts"), `${port}`]);
const pool = await startPool(machines);
try {
  const targets = {
    "bare Bun.serve": `http://127.0.0.1:${port}/`,
    "GET /healthz": `${pool.api.url}/healthz`,
    "GET /available": `${pool.api.url}/available`,
  };
  await until("the bare server answers", 10_000, () =>
    fetch(targets["bare Bun.serve"]).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const rates = Object.entries(targets).map(([name, url]) => ({ name, url, seen: [] as number[] }));
  // Alternating: whatever else this machine does affects all of them.
  for (let round = 0; round < rounds; round++) for (const at of rates) at.seen.push(await load(at.url));
  const base = median(rates[0]?.seen ?? []);
  console.log(
    `${machines} machines, 32 connections, medians of ${rounds} times ${seconds} s; wrk, servers and database share ${whatMachine()}`,
  );
  for (const { name, seen } of rates)
    console.log(
      `${name}: ${Math.round(median(seen))} /s, ${(median(seen) / base).toFixed(2)} of the bare server`,
    );
} finally {
  bare.kill();
  await pool.stop();
}
process.exit(0);
