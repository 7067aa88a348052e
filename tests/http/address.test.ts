// Whatever comes in place of a host name: refused in our own words, by the program itself and by nginx in front of it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { isHost, pathOf } from "../../http/address.ts";
import {
  call,
  fromProxy,
  newSettings,
  PROXY_SECRET,
  type Program,
  startProgram,
} from "../support/program.ts";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const BAD = [
  "localhost:99999",
  "a@localhost",
  "[::1",
  "%",
  "<x>",
  "localhost:x",
  "localhost/x",
  "a b",
  "x:1:2",
  "[::1]x",
  "\\",
  "é",
];

let api: Program;
let proxy: TlsProxy;
beforeAll(async () => {
  api = await startProgram(await newSettings({ PROXY_SECRET }));
  proxy = await startProxy(new URL(api.url).host);
});
afterAll(async () => {
  await api.stop();
  await proxy.stop();
});

/** One request by hand, which no client library corrects. @returns status, Location and body */
function ask(port: number, tls: boolean, host: string | undefined, path = "/healthz") {
  return new Promise<{ status: number; location: string; body: string }>((resolve, reject) => {
    const options = { host: "127.0.0.1", port };
    const socket = tls
      ? connectTls({ ...options, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
      : connectTcp(options);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", reject);
    socket.on("data", (part: string) => (text += part));
    socket.on("close", () => {
      const [head = "", ...rest] = text.split("\r\n\r\n");
      resolve({
        status: Number(head.split(" ")[1]),
        location: /^location: (.*)$/im.exec(head)?.[1]?.trim() ?? "",
        body: rest.join("\r\n\r\n"),
      });
    });
    const line = host === undefined ? "" : `Host: ${host}\r\n`;
    socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\n${line}Connection: close\r\n\r\n`, "utf8"));
  });
}

const STACK = /\.ts|at </;

test("a bad Host is 400 in our own form, at the API's port and at nginx', over HTTP/1.1 and HTTP/2", async () => {
  for (const host of BAD) {
    for (const path of ["/healthz", "/available", "/nothing", "/login"]) {
      const direct = await ask(Number(new URL(api.url).port), false, host, path);
      expect([host, direct.status]).toEqual([host, 400]);
      expect(direct.body).not.toMatch(STACK);
      const through = await ask(proxy.https, true, host, path);
      expect([host, through.status]).toEqual([host, 400]);
      expect(through.body).not.toMatch(STACK);
      expect(JSON.parse(through.body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n.*$/gs, "")).code).toBe("bad_request");
    }
  }
  const session = connectHttp2(`https://127.0.0.1:${proxy.https}`, { rejectUnauthorized: false });
  const status = await new Promise((resolve, reject) => {
    const stream = session.request({ ":path": "/healthz", ":authority": "localhost:99999" });
    stream.on("response", (headers) => resolve(headers[":status"]));
    stream.on("error", reject);
  });
  session.close();
  expect(status).toBe(400);
  expect(api.log()).not.toMatch(STACK);
});

test("good ones are accepted, with and without a port", async () => {
  for (const host of ["localhost", "localhost:443", "LOCALHOST", "[::1]:8443", "127.0.0.1:65535"])
    expect([host, (await ask(proxy.https, true, host)).status]).toEqual([host, 200]);
  for (const host of ["my_service:3000", "a.b-c.example.", "10.0.0.7"]) expect(isHost(host)).toBe(true);
  expect(isHost(null)).toBe(true);
  for (const host of ["", "localhost:65536", "a/b"]) expect(isHost(host)).toBe(false);
  expect(pathOf({ url: "http://localhost:99999/a/b?c=/d#e" })).toBe("/a/b");
  expect(pathOf({ url: "http://localhost" })).toBe("/");
});

test("the redirect to HTTPS never goes to a host that the client chose", async () => {
  const to = async (host: string) => (await ask(proxy.http, false, host, "/available?a=1")).location;
  expect(await to("127.0.0.1")).toBe(`https://127.0.0.1:${proxy.https}/available?a=1`);
  expect(await to("localhost:80")).toBe(`https://localhost:${proxy.https}/available?a=1`);
  for (const host of ["evil.example", "localhost.evil.example", "10.0.0.7"])
    expect(await to(host)).toBe(`https://localhost:${proxy.https}/available?a=1`);
  expect((await ask(proxy.http, false, "a@localhost")).status).toBe(400);
  // The same for plain HTTP at the port of HTTPS.
  const plain = await ask(proxy.https, false, "evil.example", "/available");
  expect(plain.location).toBe(`https://localhost:${proxy.https}/available`);
});

test("Bun's own pages don't exist", async () => {
  for (const path of ["/bun:info", "/_bun/client", "/_bun/report_error"]) {
    const { status, body } = await call(api, "GET", path);
    expect([path, status, body.code]).toEqual([path, 404, "not_found"]);
  }
});

test("only our proxy is trusted about a client's address", async () => {
  const claim = { "X-Forwarded-For": "192.0.2.7" };
  const id = () => call(api, "GET", "/events?limit=1").then(({ body }) => body.events[0].address);
  await call(api, "POST", "/session", { token: "mm_none" }, claim);
  await until("both are recorded, of that address", 5000, async () => (await id()) === "127.0.0.1");
  await call(api, "POST", "/session", { token: "mm_none" }, fromProxy(claim));
  await until("it is recorded", 5000, async () => (await id()) === "192.0.2.7");
  // Through a real nginx: the client's own claim, and its own guess at the secret, are overwritten.
  await fetch(`https://localhost:${proxy.https}/session`, {
    method: "POST",
    tls: { ca: proxy.ca },
    body: JSON.stringify({ token: "mm_none" }),
    headers: { "Content-Type": "application/json", ...claim, "X-Proxy-Secret": "a guess of mine" },
  });
  await until("it is recorded", 5000, async () => (await id()) === "127.0.0.1");
  expect(proxy.log()).not.toContain(PROXY_SECRET);
  expect(api.log()).not.toContain(PROXY_SECRET);
});
