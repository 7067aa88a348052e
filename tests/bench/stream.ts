// What open streams cost an API: memory, CPU while nothing happens, requests a second at GET /available beside them; and how
// long an event takes from the change at another API to the readers. The database is real; no machine is asked for anything.
// By hand: bun tests/bench/stream.ts [STREAMS] [SECONDS AT REST] [ROUNDS] [CHANGES]
import { readFileSync } from "node:fs";
import { call, newSettings, type Program, startProgram } from "../support/program.ts";
import { until } from "../support/until.ts";
import { median, whatMachine } from "./measure.ts";

const [streams = 1000, atRest = 65, rounds = 3, changes = 20] = process.argv.slice(2).map(Number);
/** Each user may have 200. */
const OF_A_USER = 100;
const LOAD_SECONDS = Math.min(atRest, 4);
const AT_ONCE = 16;
const ADMIN = "an-admin-token-of-the-benchmark-0123456789";
const admin = { Authorization: `Bearer ${ADMIN}` };

const settings = await newSettings({ ADMIN_TOKEN: ADMIN });
const [api, other] = (await Promise.all([startProgram(settings), startProgram(settings)])) as [
  Program,
  Program,
];

async function post(path: string, body: object) {
  const answer = await call(other, "POST", path, body, admin);
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}
/** In bytes. */
const memory = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api.pid}/status`, "utf8"))?.[1]) * 1024;
/** In seconds; the kernel counts in hundredths. */
function cpu(): number {
  const fields = readFileSync(`/proc/${api.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** An open stream; fetch would open only 256 at once. */
async function open(at: Program, token: string) {
  const { hostname, port } = new URL(at.url);
  const reader = { begun: false, told: new Map<string, number>(), close: () => {} };
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_, part) {
        const text = part.toString();
        reader.begun ||= text.includes("id: ");
        for (const [, name = ""] of text.matchAll(/"object":"(bench\w+)"/g))
          reader.told.set(name, performance.now());
      },
    },
  });
  socket.write(`GET /stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  reader.close = () => socket.end();
  return reader;
}
type Reader = Awaited<ReturnType<typeof open>>;

const tokens: string[] = [];
for (let n = 0; n * OF_A_USER < streams; n++) {
  await post("/users", { name: `reader${n}` });
  tokens.push((await post("/tokens", { user: `reader${n}`, name: "t" })).token);
}
async function openAll(): Promise<Reader[]> {
  const all: Reader[] = [];
  for (let n = 0; n < streams; n += 50)
    all.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(50, streams - n) }, (_, i) =>
          open(api, tokens[Math.floor((n + i) / OF_A_USER)] ?? ""),
        ),
      )),
    );
  await until("all have begun", 60_000, () => all.every(({ begun }) => begun));
  return all;
}

/** Requests a second at GET /available. */
async function rate(): Promise<number> {
  const from = performance.now();
  const end = from + LOAD_SECONDS * 1000;
  let count = 0;
  const ask = async () => {
    while (performance.now() < end) {
      const answer = await fetch(`${api.url}/available`, { headers: admin });
      await answer.text();
      if (answer.status !== 200) throw new Error(`GET /available: ${answer.status}`);
      count++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return (count / (performance.now() - from)) * 1000;
}

/** A change at the other API. @returns how long after its answer each of these readers was told, in ms */
async function latencies(readers: Reader[]): Promise<number[]> {
  const name = `bench${crypto.randomUUID().slice(0, 8)}`;
  const machine = { name, host: "127.0.0.1", port: 1 + Math.floor(Math.random() * 60_000), password: "x" };
  const answer = await call(other, "POST", "/machines?check=false", machine, admin);
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  const committed = performance.now();
  await until("all were told", 20_000, () => readers.every(({ told }) => told.has(name)), 1);
  return readers.map(({ told }) => (told.get(name) ?? 0) - committed);
}
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
/** The median and the longest. */
const told = (times: number[] = []) => `${median(times).toFixed(0)} ms, ${Math.max(...times).toFixed(0)} ms`;

try {
  (await open(api, ADMIN)).close(); // so that all code is loaded
  const before = memory();
  let readers = await openAll();
  const atFirst = memory() - before;
  await Bun.sleep(LOAD_SECONDS * 1000); // what they needed only to begin is collected
  const more = memory() - before;
  await rate();
  const [alone, beside]: number[][] = [[], []];
  // Alternating: whatever else this machine does affects both.
  for (let round = 0; round < rounds; round++) {
    beside?.push(await rate());
    for (const one of readers) one.close();
    alone?.push(await rate());
    readers = await openAll();
  }
  const [began, used] = [performance.now(), cpu()];
  await Bun.sleep(atRest * 1000);
  const share = (cpu() - used) / ((performance.now() - began) / 1000);
  const near = await open(other, ADMIN);
  await until("it has begun", 10_000, () => near.begun);
  const [first, last, there]: number[][] = [[], [], []];
  for (let n = 0; n < changes; n++) {
    const [time = 0, ...times] = await latencies([near, ...readers]);
    there?.push(time);
    first?.push(Math.min(...times));
    last?.push(Math.max(...times));
  }
  console.log(`${streams} streams on one API of two; ${whatMachine()}`);
  console.log(
    `memory: ${(more / 1e6).toFixed(0)} MB more, ${(more / streams / 1000).toFixed(0)} kB a stream (${(atFirst / 1e6).toFixed(0)} MB just after they began); ${(memory() / 1e6).toFixed(0)} MB in all at the end`,
  );
  console.log(`CPU while nothing happens: ${percent(share)} of a core`);
  console.log(
    `GET /available: ${median(beside ?? []).toFixed(0)} /s beside them, ${percent(median(beside ?? []) / median(alone ?? []))} of ${median(alone ?? []).toFixed(0)} /s without`,
  );
  console.log(
    `from a change at the other API, median and longest: ${told(first)} to the first of them; ${told(last)} to the last; ${told(there)} to a reader of the other API`,
  );
} finally {
  await Promise.all([api, other].map((one) => one.stop("SIGKILL")));
}
process.exit(0);
