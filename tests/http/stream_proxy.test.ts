// GET /stream through nginx: as it comes, for as long as it lasts, for a whole class; with two APIs behind it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  call,
  fromProxy,
  newSettings,
  PROXY_SECRET,
  type Program,
  startProgram,
} from "../support/program.ts";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { listen as read } from "../support/stream.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const ADMIN = "an-admin-token-of-the-tests-0123456789";
const bearer = { Authorization: `Bearer ${ADMIN}` };
let apis: Program[];
let proxy: TlsProxy;
let url: string;
/** open from the beginning of this file's tests to their end */
let long: ReturnType<typeof read>;
let children: Bun.Subprocess[] = [];
beforeAll(async () => {
  const settings = await newSettings({ ADMIN_TOKEN: ADMIN, PROXY_SECRET });
  apis = await Promise.all([startProgram(settings), startProgram(settings)]);
  proxy = await startProxy(apis.map((api) => new URL(api.url).host).join("; server "));
  url = `https://localhost:${proxy.https}`;
  long = listen();
  await long.ready();
});
afterAll(async () => {
  for (const child of children) child.kill();
  await long?.stop();
  await proxy?.stop();
  await Promise.all((apis ?? []).map((api) => api.stop("SIGKILL")));
});

const listen = (lastId?: string) =>
  read(
    { url },
    { headers: { ...bearer, ...(lastId ? { "Last-Event-ID": lastId } : {}) }, tls: { ca: proxy.ca } },
  );
let users = 0;
/** Makes an event, at an API itself. @returns the name of its object */
async function happen(api = apis[1] as Program): Promise<string> {
  const name = `pia${++users}`;
  const { status } = await call(api, "POST", "/users", { name }, fromProxy(bearer));
  expect(status).toBe(201);
  return name;
}

test("an event passes nginx within a second, over HTTP/1.1 and HTTP/2", async () => {
  const curl = Bun.spawn(
    [
      ...["curl", "-sSNi", "--http2", "--cacert", `${proxy.folder}/tls/cert.pem`],
      ...["-H", `Authorization: Bearer ${ADMIN}`, `${url}/stream`],
    ],
    { stdin: "ignore", stdout: "pipe" },
  );
  children = [curl];
  let said = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const part of curl.stdout) said += decoder.decode(part, { stream: true });
  })();
  await until("both are told where they are", 10_000, () => said.includes("id: "), 10);
  expect(said).toStartWith("HTTP/2 200");
  for (const line of [
    "content-type: text/event-stream; charset=utf-8",
    "x-frame-options: DENY",
    "cache-control: no-store",
  ])
    expect(said).toContain(line);
  // A busy machine may be late: one of three is enough.
  const late: number[] = [];
  for (let tries = 0; tries < 3; tries++) {
    const name = await happen();
    const committed = performance.now();
    await until("both were told", 5000, () => long.objects().includes(name) && said.includes(name), 10);
    late.push(performance.now() - committed);
  }
  expect(Math.min(...late)).toBeLessThan(1000);
  curl.kill();
  await curl.exited;
});

test("nginx itself keeps nothing back, even if it isn't asked to", async () => {
  let say: (text: string) => void = () => {};
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(
        new ReadableStream<string>({
          start(controller) {
            say = (text) => controller.enqueue(text);
            say("id: 1\n\n");
          },
        }),
        { headers: { "Content-Type": "text/event-stream" } },
      ),
  });
  const other = await startProxy(`127.0.0.1:${upstream.port}`);
  const stream = read({ url: `https://localhost:${other.https}` }, { tls: { ca: other.ca } });
  try {
    await stream.ready();
    say("id: 2\n\n");
    await until("it came", 2000, () => stream.state.id === "2", 10);
  } finally {
    await stream.stop();
    await other.stop();
    await upstream.stop(true);
  }
});

test("a class of 40 with six pages each follows from one address, and its requests pass beside that", async () => {
  const streams = Array.from({ length: 240 }, () => listen());
  for (const stream of streams) await stream.ready();
  expect(streams.map(({ state }) => state.status).filter((status) => status !== 200)).toEqual([]);
  const ask = () => fetch(`${url}/available`, { headers: bearer, tls: { ca: proxy.ca } });
  const answers = await Promise.all(Array.from({ length: 40 }, ask));
  expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
  const name = await happen();
  for (const stream of streams) await until("all were told", 5000, () => stream.objects().includes(name), 10);
  await Promise.all(streams.map((stream) => stream.stop()));
  await until("the log has them", 5000, () => proxy.log().split(" GET /stream 200 ").length > 240);
});

test("a beat keeps it open", async () => {
  const beat = () => long.messages.find(({ event }) => event === "beat");
  await until("a beat has come", 25_000, beat);
  const name = await happen();
  await until("it was told", 5000, () => long.objects().includes(name));
  expect(long.state.closed).toBe(false);
});

test("an API that is killed: its readers go on at the other one without a gap", async () => {
  const streams = [listen(), listen()];
  for (const stream of streams) await stream.ready();
  const before = await happen();
  for (const stream of streams) await until("it was told", 5000, () => stream.objects().includes(before));
  await apis[0]?.stop("SIGKILL");
  // What only reads is answered by the other one.
  const reads = ["/available", "/calendar", "/events", "/queue", "/usage"].flatMap((path) => [path, path]);
  const answers = await Promise.all(
    reads.map((path) => fetch(url + path, { headers: bearer, tls: { ca: proxy.ca } })),
  );
  expect(answers.map(({ status }) => status)).toEqual(reads.map(() => 200));
  // nginx alternates between the two.
  await until("one of them noticed", 10_000, () => streams.some(({ state }) => state.closed));
  const meanwhile = await happen();
  const all: string[][] = [];
  for (const stream of streams) {
    if (!stream.state.closed) {
      await until("it was told", 5000, () => stream.objects().includes(meanwhile));
      all.push(stream.objects());
      await stream.stop();
      continue;
    }
    const again = listen(stream.state.id);
    await until("it was told", 5000, () => again.objects().includes(meanwhile));
    expect(again.state.status).toBe(200);
    all.push([...stream.objects(), ...again.objects()]);
    await again.stop();
  }
  expect(all).toEqual([
    [before, meanwhile],
    [before, meanwhile],
  ]);
});
