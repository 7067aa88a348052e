// What testssl.sh would check, with openssl: the proxy's TLS is Mozilla's intermediate profile, with ECDHE suites only
// (https://wiki.mozilla.org/Security/Server_Side_TLS), for an ECDSA and an RSA certificate.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { run } from "../support/run.ts";

setDefaultTimeout(60_000);

let proxy: TlsProxy;
let rsa: TlsProxy;
const upstream = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("up") });
beforeAll(async () => {
  proxy = await startProxy(`127.0.0.1:${upstream.port}`);
  const at = (name: string) => join(proxy.folder, name);
  await run([
    ..."openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(" "),
    ...["-keyout", at("rsa.key"), "-out", at("rsa.pem")],
  ]);
  rsa = await startProxy(`127.0.0.1:${upstream.port}`, "", {
    TLS_CERT: at("rsa.pem"),
    TLS_KEY: at("rsa.key"),
  });
});
afterAll(async () => {
  await Promise.all([proxy.stop(), rsa.stop()]);
  await upstream.stop(true);
});

/** openssl's result of a handshake; `cipher` is empty if it failed. @param says what to send afterwards */
async function shake(at: TlsProxy, options: string, says = "") {
  const command = `printf '${says}' | timeout 10 openssl s_client -connect 127.0.0.1:${at.https} ${options} 2>&1`;
  const { stdout } = await run(["sh", "-c", command]);
  const cipher = /New, TLSv[\d.]+, Cipher is (?!\(NONE\))(\S+)/.exec(stdout)?.[1] ?? "";
  return { cipher, said: stdout };
}

/** Every cipher of this openssl for TLS 1.2 and older. */
async function allCiphers(): Promise<string[]> {
  const { stdout } = await run(["openssl", "ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]);
  return stdout
    .trim()
    .split(":")
    .filter((name) => name && !name.startsWith("TLS_"));
}

async function accepted(at: TlsProxy): Promise<string[]> {
  const found: string[] = [];
  for (const name of await allCiphers())
    if ((await shake(at, `-tls1_2 -cipher ${name}:@SECLEVEL=0`)).cipher) found.push(name);
  return found.sort();
}

test("of all TLS 1.2 ciphers, only those with ephemeral keys and authenticated encryption", async () => {
  expect((await allCiphers()).length).toBeGreaterThan(60);
  for (const [at, kind] of [
    [proxy, "ECDSA"],
    [rsa, "RSA"],
  ] as const)
    expect(await accepted(at)).toEqual([
      `ECDHE-${kind}-AES128-GCM-SHA256`,
      `ECDHE-${kind}-AES256-GCM-SHA384`,
      `ECDHE-${kind}-CHACHA20-POLY1305`,
    ]);
});

test("nothing older than TLS 1.2, even for a client that accepts anything", async () => {
  for (const version of ["-tls1", "-tls1_1"])
    expect((await shake(proxy, `${version} -cipher ALL:@SECLEVEL=0`)).cipher).toBe("");
  for (const version of ["-tls1_2", "-tls1_3"]) expect((await shake(proxy, version)).cipher).not.toBe("");
});

test("the curves are those of the profile, and the client chooses the cipher", async () => {
  for (const curve of ["X25519", "P-256", "P-384"])
    expect((await shake(proxy, `-tls1_3 -curves ${curve}`)).cipher).not.toBe("");
  for (const curve of ["P-521", "ffdhe2048"])
    expect((await shake(proxy, `-tls1_3 -curves ${curve}`)).cipher).toBe("");
  for (const first of ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"]) {
    const list = `${first}:ECDHE-ECDSA-AES128-GCM-SHA256`;
    expect((await shake(proxy, `-tls1_2 -cipher ${list}`)).cipher).toBe(first);
  }
});

test("no compression, no session tickets, no client-initiated renegotiation, HTTP/2 offered", async () => {
  const { said } = await shake(proxy, "-tls1_2 -alpn h2,http/1.1 -tlsextdebug");
  expect(said).toContain("Compression: NONE");
  expect(said).toContain("Secure Renegotiation IS supported");
  expect(said).toContain("ALPN protocol: h2");
  expect(said).not.toMatch(/session ticket|heartbeat/i);
  const again = await shake(proxy, "-tls1_2", "R\\n");
  expect(again.said).toMatch(/RENEGOTIATING[\s\S]*(no renegotiation|handshake failure|errno|:error:)/);
});

test("the self-signed certificate: P-256, SHA-256, for localhost, for at most 398 days", async () => {
  const { stdout } = await run([
    "openssl",
    "x509",
    "-in",
    join(proxy.folder, "tls/cert.pem"),
    "-noout",
    "-text",
  ]);
  expect(stdout).toContain("ASN1 OID: prime256v1");
  expect(stdout).toContain("Signature Algorithm: ecdsa-with-SHA256");
  expect(stdout).toContain("DNS:localhost, IP Address:127.0.0.1");
  const [from, to] = ["Not Before", "Not After "].map((name) =>
    Date.parse(new RegExp(`${name}: (.*)`).exec(stdout)?.[1] ?? ""),
  ) as [number, number];
  expect((to - from) / 86_400_000).toBeLessThanOrEqual(398);
});
