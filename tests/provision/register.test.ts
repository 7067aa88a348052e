import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended } from "../support/run.ts";

// A stub of the API over real HTTP and TLS: this tests the script's own behaviour.
interface Seen {
  name: string;
  body: Record<string, unknown>;
  authorization: string | null;
}
let seen: Seen[] = [];
let busy = 0;
let folder: string;
let http: Bun.Server<undefined>;
let https: Bun.Server<undefined>;

async function answer(request: Request): Promise<Response> {
  const known = new URL(request.url).pathname.match(/^\/machines\/there-(\d)$/)?.[1];
  if (request.method === "GET" && known)
    return Response.json({ host: "LocalHost", port: 2220 + Number(known) });
  if (request.method !== "POST" || new URL(request.url).pathname !== "/machines")
    return Response.json({ error: "Not found", code: "not_found" }, { status: 404 });
  if (busy-- > 0)
    return Response.json(
      { error: "Busy", code: "unavailable" },
      { status: 503, headers: { "retry-after": "0.05" } },
    );
  const body = (await request.json()) as Record<string, unknown>;
  const name = String(body.name);
  seen.push({ name, body, authorization: request.headers.get("authorization") });
  const refuse = (status: number, code: string, error: string) => Response.json({ error, code }, { status });
  if (name.startsWith("there")) return refuse(409, "machine_exists", "There is such a machine");
  if (name.startsWith("taken")) return refuse(409, "address_taken", "localhost:1 is machine 'x'");
  if (name.startsWith("locked")) return refuse(401, "unauthorized", "No token");
  if (name.startsWith("dead"))
    return Response.json(
      { name, state: "quarantined", last_error: "unreachable:\u001b[2J refused" },
      { status: 201 },
    );
  return Response.json({ name, state: "available", last_error: null }, { status: 201 });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mm-register-"));
  const made = Bun.spawnSync(
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem".split(
      " ",
    ),
    { cwd: folder, stderr: "pipe" },
  );
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  http = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  https = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: answer,
    tls: { cert: Bun.file(join(folder, "cert.pem")), key: Bun.file(join(folder, "key.pem")) },
  });
});
afterAll(async () => {
  await Promise.all([http.stop(true), https.stop(true)]);
  await rm(folder, { recursive: true });
});

async function register(text: string, args: string[] = [], env: Record<string, string> = {}) {
  seen = [];
  const file = join(folder, "machines.txt");
  await Bun.write(file, text);
  const script = join(import.meta.dir, "../../provision/register.ts");
  const given = args.includes("--url") || env.HTTPS_PORT ? args : ["--url", http.url.origin, ...args];
  const child = Bun.spawn([process.execPath, script, "--file", file, ...given], {
    cwd: folder, // no .env here
    env: { PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const { code, stdout: out, stderr: err } = await ended(child);
  return { code, out, err };
}

test("registers each line, and skips comments and blank lines", async () => {
  const { code, out, err } = await register(
    "# a comment\n\n  \n a-1 localhost 2221 root test \r\n#a-2 x 1 y z\na-3\t10.0.0.3 22 admin p:w#d\n",
  );
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toEndWith("2 registered, 0 already there, 0 failed\n");
  seen.sort((a, b) => a.name.localeCompare(b.name));
  expect(seen.map((one) => one.body)).toEqual([
    { name: "a-1", host: "localhost", port: 2221, user: "root", password: "test" },
    { name: "a-3", host: "10.0.0.3", port: 22, user: "admin", password: "p:w#d" },
  ]);
  expect(seen[0]?.authorization).toBeNull();
});

test("a sixth word has the labels, as the API takes them", async () => {
  const lines = [
    "a-1 localhost 2221 root test gpu,rack=8,zone=b=c/ü,x.y_z/-=",
    `a-2 localhost 2222 root test ${"k".repeat(63)}=${"v".repeat(63)}`,
    "a-3 localhost 2223 root test fact,facts.os=1",
  ];
  const { code, err } = await register(lines.join("\n"));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(Object.fromEntries(seen.map(({ name, body }) => [name, body.labels]))).toEqual({
    "a-1": { gpu: "", rack: "8", zone: "b=c/ü", "x.y_z/-": "" },
    "a-2": { ["k".repeat(63)]: "v".repeat(63) },
    "a-3": { fact: "", "facts.os": "1" },
  });
});

test("reports a bad line by its number, registers the others and fails, without showing a password", async () => {
  const bad = [
    "x y",
    "b-1 localhost 0 root s3cret",
    "b-2 localhost 2x root s3cret",
    "-b localhost 22 root s3cret",
    "b-3 local/host 22 root s3cret",
    "b-4 localhost 22 Root s3cret",
    "b-5 localhost 22 root s3cret label s3cret",
    "b-6 localhost 22 root s3cret fact.os=x",
    "b-7 localhost 22 root s3cret a,,b",
    "b-8 localhost 22 root s3cret a=s3cret,b,a",
    `b-9 localhost 22 root s3cret a=${"s3cret".repeat(11)}`,
    "b-10 localhost 22 root s3cret s3cret&more",
    `b-11 localhost 22 root s3cret ${Array.from({ length: 65 }, (_, n) => `s3cret${n}`)}`,
  ];
  const reasons = ["2 words", "port", "port", "name", "host", "user", "7 words"];
  const labels = Array.from({ length: 6 }, () => "labels must be key=value,key");
  const { code, out, err } = await register(`${bad.join("\n")}\ngood localhost 22 root s3cret\n`);
  expect(code).toBe(1);
  for (const [i, reason] of [...reasons, ...labels].entries())
    expect(err).toMatch(new RegExp(`machines.txt:${i + 1}: .*${reason}`));
  expect(out).toBe("good: registered\n1 registered, 0 already there, 13 failed\n");
  expect(seen.map((one) => one.name)).toEqual(["good"]);
  expect(out + err).not.toContain("s3cret");
});

test("an existing machine is no failure; a taken address is, and its line is reported", async () => {
  const there = await register("there-1 localhost 2221 root test\nthere-2 localhost 2222 root test\n");
  expect(there.code).toBe(0);
  expect(there.out).toContain("there-1: already there\n");
  expect(there.out).toEndWith("0 registered, 2 already there, 0 failed\n");
  const taken = await register("\ntaken-1 localhost 2221 root test\n");
  expect(taken.code).toBe(1);
  expect(taken.err).toBe("taken-1 (line 2): the API answered 409: localhost:1 is machine 'x'\n");
});

test("another machine of the same name is a failure, and it says where the existing one is", async () => {
  const { code, out, err } = await register(
    "there-1 localhost 2299 root test\nthere-2 rack-2 2222 root test\n",
  );
  expect(code).toBe(1);
  expect(out).toBe("0 registered, 0 already there, 2 failed\n");
  expect(err).toContain("there-1 (line 1): there is already a machine of that name, at LocalHost:2221\n");
  expect(err).toContain("there-2 (line 2): there is already a machine of that name, at LocalHost:2222\n");
  // One whose name differs in case: the API says which.
  const twin = await register("there-a localhost 2221 root test\n");
  expect([twin.code, twin.err]).toEqual([
    1,
    "there-a (line 1): the API answered 409: There is such a machine\n",
  ]);
});

test("says if a machine was registered but can't be reached, without control characters", async () => {
  const { code, out } = await register("dead-1 localhost 2221 root test\n");
  expect(code).toBe(0);
  expect(out).toStartWith("dead-1: registered, not usable yet: unreachable: [2J refused\n");
});

test("repeats on 503, and gives up when --wait is over", async () => {
  busy = 3;
  expect((await register("a-1 localhost 2221 root test\n")).code).toBe(0);
  busy = Number.POSITIVE_INFINITY;
  const { code, err } = await register("a-1 localhost 2221 root test\n", ["--wait", "0.2"]);
  busy = 0;
  expect(code).toBe(1);
  expect(err).toContain("503: Busy");
});

test("sends ADMIN_TOKEN, from the environment or a file, and says if it is missing", async () => {
  const line = "a-1 localhost 2221 root test\n";
  await register(line, [], { ADMIN_TOKEN: "token-of-the-test" });
  expect(seen[0]?.authorization).toBe("Bearer token-of-the-test");
  await Bun.write(join(folder, "token"), "token-in-a-file\n");
  await register(line, [], { ADMIN_TOKEN_FILE: join(folder, "token") });
  expect(seen[0]?.authorization).toBe("Bearer token-in-a-file");
  const refused = await register("locked-1 localhost 2221 root test\n");
  expect(refused.code).toBe(1);
  expect(refused.err).toContain("set ADMIN_TOKEN");
});

test("TLS: HTTPS_PORT gives the default URL; only loopback goes unverified, and --ca verifies", async () => {
  const line = "a-1 localhost 2221 root test\n";
  expect((await register(line, [], { HTTPS_PORT: String(https.port) })).code).toBe(0);
  const url = ["--url", `https://localhost:${https.port}`];
  expect((await register(line, [...url, "--ca", join(folder, "cert.pem")])).code).toBe(0);
  // The certificate names localhost, so 127.0.0.1 must be refused once it is verified.
  const other = ["--url", `https://127.0.0.1:${https.port}`, "--ca", join(folder, "cert.pem")];
  const refused = await register(line, other);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain(`can't reach the API at https://127.0.0.1:${https.port}`);
  expect(seen).toEqual([]);
});

test("stops with a clear message if it can't continue", async () => {
  const line = "a-1 localhost 2221 root test\n";
  const closed = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  const port = closed.port;
  await closed.stop(true);
  for (const [args, says] of [
    [["--url", `http://127.0.0.1:${port}`], "can't reach the API at http://127.0.0.1"],
    [["--url", "http://example.test"], "only sent there over https"],
    [["--url", "nonsense"], "not an http(s) URL"],
    [["--file", "/nowhere/machines.txt"], "can't read /nowhere/machines.txt"],
    [["--nonsense"], "usage:"],
  ] as const) {
    const { code, err } = await register(line, [...args]);
    expect(code).toBe(2);
    expect(err).toContain(says);
  }
  const help = await register(line, ["--help"]);
  expect(help.code).toBe(0);
  expect(help.out).toStartWith("usage: bun provision/register.ts");
});
