import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "../../provision/script/settings.ts";
import { makeCertificate } from "../../provision/stack/certificate.ts";
import { ROOT, run } from "../support/run.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-cert-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (env: Record<string, string> = {}) =>
  makeCertificate(
    join(folder, "tls"),
    readSettings(ROOT, env, () => {}),
  );
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), "utf8");

/** A pair as an operator would provide it. */
async function ownPair(name: string, days = 100) {
  const made = await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    String(days),
    "-subj",
    `/CN=${name}`,
    "-keyout",
    at(`${name}.key`),
    "-out",
    at(`${name}.pem`),
  ]); // prettier-ignore
  expect(made.code).toBe(0);
  return { TLS_CERT: at(`${name}.pem`), TLS_KEY: at(`${name}.key`) };
}

test("makes a pair for localhost, with a key that only its owner can read, and keeps it", async () => {
  const first = await make();
  expect(first).toEqual({
    kind: "self-signed",
    hosts: '"localhost" $host;\n"127.0.0.1" $host;\n"[0:0:0:0:0:0:0:1]" $host;\ndefault localhost;\n',
  });
  const certificate = new X509Certificate(read("tls/cert.pem"));
  expect(certificate.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
  expect(statSync(at("tls/key.pem")).mode & 0o777).toBe(0o600);
  expect(statSync(at("tls")).mode & 0o777).toBe(0o700);
  const before = read("tls/cert.pem");
  expect((await make()).kind).toBe("self-signed");
  expect(read("tls/cert.pem")).toBe(before);
});

test("a pair that expires soon is renewed", async () => {
  await make();
  const old = await ownPair("old", 10);
  writeFileSync(at("tls/self-signed.pem"), readFileSync(old.TLS_CERT));
  await make();
  expect(new X509Certificate(read("tls/cert.pem")).subject).toContain("CN=localhost");
});

test("the user's own pair replaces it, and the self-signed one comes back afterwards", async () => {
  await make();
  const selfSigned = read("tls/cert.pem");
  const own = await ownPair("pool.example");
  expect((await make(own)).kind).toBe("real");
  expect(read("tls/cert.pem")).toBe(read("pool.example.pem"));
  expect(read("tls/key.pem")).toBe(read("pool.example.key"));
  expect(statSync(at("tls/key.pem")).mode & 0o777).toBe(0o600);
  await make();
  expect(read("tls/cert.pem")).toBe(selfSigned);
});

test("another certificate's key, or half a pair, is refused with a message", async () => {
  const [one, two] = [await ownPair("one"), await ownPair("two")];
  const mixed = make({ TLS_CERT: one.TLS_CERT, TLS_KEY: two.TLS_KEY });
  await expect(mixed).rejects.toThrow("does not belong to the certificate");
  await expect(make({ TLS_CERT: one.TLS_CERT })).rejects.toThrow("can't read the private key");
  await expect(make({ TLS_KEY: one.TLS_KEY })).rejects.toThrow("can't read the certificate");
});
