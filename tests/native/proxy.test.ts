import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:tls";
import { STATUS_OF } from "../../http/codes.ts";
import { POLICY } from "../../http/ui/ui.ts";
import { freePort, render, startProxy, type TlsProxy } from "../support/proxy.ts";
import { run } from "../support/run.ts";
import { until } from "../support/until.ts";

const seen: Request[] = [];
const upstream = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    seen.push(request);
    return new Response(await request.text(), {
      headers: {
        "x-frame-options": "SAMEORIGIN",
        "content-length-seen": request.headers.get("content-length") ?? "",
      },
    });
  },
});
let proxy: TlsProxy;

beforeAll(async () => {
  proxy = await startProxy(`127.0.0.1:${upstream.port}`);
});
afterAll(async () => {
  await proxy.stop();
  await upstream.stop(true);
});

const ask = (path: string, init: RequestInit = {}, at = proxy) =>
  fetch(`https://localhost:${at.https}${path}`, { redirect: "manual", tls: { ca: at.ca }, ...init });

describe("the TLS proxy", () => {
  test("sends plain HTTP to HTTPS, with path and query, and keeps the method", async () => {
    const answer = await fetch(`http://127.0.0.1:${proxy.http}/available?a=1`, { redirect: "manual" });
    expect(answer.status).toBe(308);
    expect(answer.headers.get("location")).toBe(`https://127.0.0.1:${proxy.https}/available?a=1`);
  });

  test("serves a certificate that is valid for localhost, and passes requests on", async () => {
    const answer = await ask("/machines?x=1", { method: "POST", body: '{"a":1}' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('{"a":1}');
  });

  test("sets the client's address itself, whatever the client claims", async () => {
    await ask("/who", {
      headers: { "x-forwarded-for": "10.9.8.7", forwarded: "for=10.9.8.7", "x-request-id": "mine" },
    });
    const headers = seen.at(-1)?.headers;
    expect(headers?.get("x-forwarded-for")).toBe("127.0.0.1");
    expect(headers?.get("x-forwarded-proto")).toBe("https");
    expect(headers?.get("forwarded")).toBeNull();
    expect(headers?.get("x-request-id")).toMatch(/^[0-9a-f]{32}$/);
    expect(headers?.get("host")).toBe(`localhost:${proxy.https}`);
  });

  test("sets each security header once, and no HSTS with a self-signed certificate", async () => {
    const { headers } = await ask("/");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("content-security-policy")).toBe(POLICY);
    expect(headers.get("strict-transport-security")).toBeNull();
    expect(headers.get("server")).toBe("nginx");
    expect(headers.get("cache-control")).toBeNull();
  });

  test("logs nothing of what was typed to log in", async () => {
    const body = JSON.stringify({ user: "ann", password: "hunter2" });
    expect((await ask("/session", { method: "POST", body })).status).toBe(200);
    await until("the log has it", 5_000, async () => proxy.log().includes(" POST /session 200 "));
    expect(proxy.log()).not.toContain("hunter2");
  });

  test("forbids caching the responses of /reserve and /release_all", async () => {
    for (const path of ["/reserve?username=a", "/release_all"])
      expect((await ask(path)).headers.get("cache-control")).toBe("no-store");
  });

  test("accepts a body of 64 KiB and refuses a larger one in the API's form", async () => {
    const fits = await ask("/machines", { method: "POST", body: "x".repeat(65536) });
    expect(fits.status).toBe(200);
    const large = await ask("/machines", { method: "POST", body: "x".repeat(65537) });
    expect(large.status).toBe(413);
    expect(large.headers.get("content-type")).toBe("application/json");
    expect(await large.json()).toMatchObject({ code: "body_too_large", error: expect.any(String) });
    expect(large.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("refuses what it can't read in the API's form", async () => {
    const answer = await ask(`/reserve?password=hunter2${"x".repeat(20_000)}`);
    expect(answer.status).toBe(414);
    expect(await answer.json()).toMatchObject({ code: "bad_request" });
  });

  test("lets a class of 40 come in the same second, but one address can't keep that up", async () => {
    const crowd = await Promise.all(Array.from({ length: 40 }, () => ask("/available")));
    expect(crowd.every(({ status }) => status === 200)).toBe(true);
    const refused: Response[] = [];
    for (let round = 0; round < 40 && refused.length === 0; round++) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => ask("/machines?password=of-a-flood-1")),
      );
      refused.push(...answers.filter(({ status }) => status !== 200));
    }
    expect(refused[0]?.status).toBe(429);
    expect(refused[0]?.headers.get("retry-after")).toBe("2");
    expect(refused[0]?.headers.get("x-frame-options")).toBe("DENY");
    expect(await refused[0]?.json()).toMatchObject({ code: "too_many_requests" });
    expect(proxy.log()).not.toContain("of-a-flood-1");
    await until("it is let in again", 15_000, async () => (await ask("/available")).status === 200);
  });

  test("speaks only TLS 1.2 and 1.3, and gives no session tickets", async () => {
    const speak = (version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3") =>
      new Promise<string>((resolve) => {
        const socket = connect(
          {
            port: proxy.https,
            host: "127.0.0.1",
            ca: proxy.ca,
            servername: "localhost",
            minVersion: version,
            maxVersion: version,
          },
          () => resolve(socket.getProtocol() ?? ""),
        );
        socket.on("error", () => resolve("refused")).on("secureConnect", () => socket.end());
      });
    expect(await speak("TLSv1.3")).toBe("TLSv1.3");
    expect(await speak("TLSv1.2")).toBe("TLSv1.2");
    expect(await speak("TLSv1.1")).toBe("refused");
    const client = await run(["openssl", "s_client", "-connect", `127.0.0.1:${proxy.https}`, "-tls1_2"]);
    expect(client.stdout).toContain("Cipher    : ECDHE-");
    expect(client.stdout).not.toContain("TLS session ticket:");
  });

  test("refuses what neither it nor the API understands, in the API's form", async () => {
    const say = (first: string, ...more: string[]) =>
      new Promise<string>((resolve) => {
        let said = "";
        const socket = connect({
          port: proxy.https,
          host: "127.0.0.1",
          ca: proxy.ca,
          servername: "localhost",
        });
        socket.on("data", (part: Buffer) => {
          said += part;
        });
        socket.on("close", () => resolve(said)).on("error", (error: Error) => resolve(error.message));
        socket.write(`${[first, "Host: localhost", "Connection: close", ...more].join("\r\n")}\r\n\r\n`);
      });
    for (const request of [
      ["BREW /machines HTTP/1.1"],
      ["TRACE /machines HTTP/1.1"],
      ["GET /machines HTTP/3.0"],
      ["POST /machines HTTP/1.1", "Transfer-Encoding: gzip"],
    ] as [string, ...string[]][]) {
      const said = await say(...request);
      expect(said).toStartWith("HTTP/1.1 400 ");
      expect(said).toContain('"code":"bad_request"');
    }
    expect(await say("PROPFIND /machines HTTP/1.1")).toStartWith("HTTP/1.1 200 ");
  });

  test("logs each request, without its query string", async () => {
    await ask("/reserve?username=alice&password=hunter2", { headers: { referer: "https://x/?hunter2" } });
    await fetch(`http://127.0.0.1:${proxy.http}/reserve?password=hunter2`, { redirect: "manual" });
    await ask("/Reserve/?password=hunter2");
    await ask("/reserve?password=hunter2", { method: "POST", body: "x".repeat(65537) });
    await fetch(`http://127.0.0.1:${proxy.https}/reserve?password=hunter2`, { redirect: "manual" });
    await ask("/available?password=hunter2", { headers: { "user-agent": "hunter2" } });
    await until("the log has them", 5_000, async () => proxy.log().includes(" GET /available 200 "));
    expect(proxy.log()).toContain(" GET /reserve 200 ");
    expect(proxy.log()).not.toContain("hunter2");
  });
});

describe("an API that dies", () => {
  test("gets each change only once; the answer is in the API's form, and no log shows the password", async () => {
    let requests = 0;
    const dies = () =>
      Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket) {
            requests++;
            socket.terminate();
          },
        },
      });
    const two = [dies(), dies()];
    const other = await startProxy(two.map(({ port }) => `127.0.0.1:${port}`).join("; server "));
    try {
      for (const [method, path] of [
        ["GET", "/reserve?username=a&password=hunter2"],
        ["GET", "/release_all?password=hunter2"],
        ["POST", "/reservations"],
        ["POST", "/session"],
        ["GET", "/session"],
        ["DELETE", "/reservations/1"],
      ] as const) {
        requests = 0;
        const answer = await ask(path, { method }, other);
        expect(answer.status).toBe(STATUS_OF.upstream_unavailable);
        expect(await answer.json()).toMatchObject({ code: "upstream_unavailable" });
        expect(requests).toBeLessThanOrEqual(1);
      }
      await until("the log has them", 5_000, async () =>
        other.log().includes(" DELETE /reservations/1 503 "),
      );
      expect(other.log()).not.toContain("hunter2");
    } finally {
      await other.stop();
      for (const listener of two) listener.stop(true);
    }
  });

  test("reads are passed to the next one", async () => {
    const gone = await freePort();
    const other = await startProxy(`127.0.0.1:${gone}; server 127.0.0.1:${upstream.port}`);
    try {
      for (let count = 0; count < 4; count++) expect((await ask("/available", {}, other)).status).toBe(200);
    } finally {
      await other.stop();
    }
  });
});

test("HSTS is set with a real certificate", async () => {
  const other = await startProxy(
    `127.0.0.1:${upstream.port}`,
    'add_header Strict-Transport-Security "max-age=31536000" always;',
  );
  const { headers } = await ask("/", {}, other);
  await other.stop();
  expect(headers.get("strict-transport-security")).toBe("max-age=31536000");
});

test("the template has only variables that are filled in", () => {
  const names = [
    ...["API_UPSTREAM", "HTTPS_LISTEN", "HTTP_LISTEN", "HTTPS_PORT", "CERT", "CERT_KEY", "HSTS"],
    ...["OWN_HOSTS", "PROXY_SECRET"],
  ];
  const filled = render(Object.fromEntries(names.map((name) => [name, "x&y\\1"])));
  expect(filled.match(/\$\{[A-Z_]+\}/g)).toBeNull();
  expect(filled).toContain("server x&y\\1;");
});
