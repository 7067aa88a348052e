// How long a reservation takes until the account works, and its release, against a plain `ssh` login beside it.
// By hand, as root: bun tests/bench/reserve.ts [MACHINES] [ROUNDS]
import { startPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { median, milliseconds, timed, whatMachine } from "./measure.ts";
import { loginKey } from "./ssh_key.ts";

const [machines = 10, rounds = 10] = process.argv.slice(2).map(Number);
const pool = await startPool(machines);
const key = await loginKey(pool.machines);

async function login(): Promise<void> {
  const { port = 0 } = pool.machines[0] ?? {};
  const known = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
  ];
  const child = Bun.spawn(
    ["ssh", "-F", "none", "-i", key.file, ...known, "-p", `${port}`, "root@127.0.0.1", "true"],
    { stdin: "ignore" },
  );
  if ((await child.exited) !== 0) throw new Error("ssh did not log in");
}

async function reserve(count: number): Promise<{ taken: number; given: number }> {
  let id = "";
  const taken = await timed(async () => {
    const { status, body } = await call(pool.api, "POST", "/reservations", { username: "bench", count });
    if (status !== 201) throw new Error(JSON.stringify(body));
    id = body.id;
  });
  const given = await timed(async () => {
    const { status, body } = await call(pool.api, "DELETE", `/reservations/${id}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
  });
  return { taken, given };
}

try {
  const logins: number[] = [];
  // Alternating: whatever else this machine does affects both.
  const counts = [1, 2, 5, 10, 20, 50].filter((count) => count <= machines);
  const took = counts.map((count) => ({ count, reserve: [] as number[], release: [] as number[] }));
  await login();
  await reserve(1);
  for (let round = 0; round < rounds; round++)
    for (const at of took) {
      logins.push(await timed(login));
      const { taken, given } = await reserve(at.count);
      at.reserve.push(taken);
      at.release.push(given);
    }
  const plain = median(logins);
  console.log(`${machines} machines, ${rounds} rounds, medians; ${whatMachine()}`);
  console.log(`ssh login, as root with a key, and \`true\`: ${milliseconds(plain)}`);
  for (const { count, reserve: taken, release } of took)
    for (const [what, values] of [
      ["reserve", taken],
      ["release", release],
    ] as const) {
      const ratio = (median(values) / plain).toFixed(1);
      console.log(`${what} ${`${count}`.padStart(2)}: ${milliseconds(median(values))}, ${ratio} × the login`);
    }
} finally {
  key.remove();
  await pool.stop();
}
process.exit(0);
