// Does the time of a refusal reveal how much of a guessed token was right? Alternates wrong tokens of four kinds, and shows
// each kind's time relative to the others'. By hand, as root: bun tests/bench/token_timing.ts [ROUNDS]
import { newSettings, startProgram } from "../support/program.ts";
import { median, whatMachine } from "./measure.ts";

const [rounds = 2000] = process.argv.slice(2).map(Number);
const ADMIN = "a-token-that-nobody-would-ever-guess-0123456789";
const api = await startProgram({ ...(await newSettings()), ADMIN_TOKEN: ADMIN });
const ask = (token: string) =>
  fetch(`${api.url}/available`, { headers: { Authorization: `Bearer ${token}` } });
try {
  const headers = { Authorization: `Bearer ${ADMIN}`, "Content-Type": "application/json" };
  const post = async (path: string, body: object) =>
    (await (await fetch(api.url + path, { method: "POST", headers, body: JSON.stringify(body) })).json()) as {
      token: string;
    };
  await post("/users", { name: "dora" });
  const { token } = await post("/tokens", { user: "dora", name: "t" });
  const wrong = (text: string, at: number) =>
    `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`;
  const kinds = {
    "admin token, first character wrong": wrong(ADMIN, 0),
    "admin token, last character wrong": wrong(ADMIN, ADMIN.length - 1),
    "user's token, first character wrong": wrong(token, 3),
    "user's token, last character wrong": wrong(token, token.length - 1),
  };
  const seen = Object.entries(kinds).map(([name, guess]) => ({ name, guess, times: [] as number[] }));
  for (let round = -50; round < rounds; round++)
    // A different order each time, so that none always follows the same one.
    for (const at of seen.toSorted(() => Math.random() - 0.5)) {
      const from = performance.now();
      const { status } = await ask(at.guess);
      if (status !== 401) throw new Error(`${at.name}: ${status}`);
      if (round >= 0) at.times.push(performance.now() - from);
    }
  const base = median(seen[0]?.times ?? []);
  console.log(`${rounds} refusals of each kind, medians; ${whatMachine()}`);
  for (const { name, times } of seen) {
    const half = times.length >> 1;
    // The difference between two halves of the same kind shows how much is just noise.
    const noise = median(times.slice(0, half)) / median(times.slice(half));
    console.log(
      `${name}: ${(median(times) * 1000).toFixed(0)} µs, ratio ${(median(times) / base).toFixed(3)} (its own halves ${noise.toFixed(3)})`,
    );
  }
} finally {
  await api.stop("SIGKILL");
}
process.exit(0);
