// The TLS pair that nginx serves: the user's own, else a self-signed one.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../script/children.ts";
import { note, Stop } from "../script/say.ts";
import { ROOT, type Settings } from "../script/settings.ts";
import { writeWhole } from "../script/write.ts";

/** A self-signed pair is renewed this long before it expires. */
const SPARE_MS = 30 * 86_400_000;
const BOTH = "(TLS_CERT and TLS_KEY, or both files in nginx/certs, are needed)";

export interface Certificate {
  kind: "real" | "self-signed";
  /** its names, as lines of nginx's map: requests for other names are redirected to the first */
  hosts: string;
}

/**
 * Puts cert.pem and key.pem (mode 600) into a folder: the files that TLS_CERT and TLS_KEY name, or
 * nginx/certs/fullchain.pem and privkey.pem, else a pair for localhost, 127.0.0.1 and ::1, which is made once and kept.
 * @throws Stop if the user's own pair can't be used
 */
export async function makeCertificate(folder: string, settings: Settings): Promise<Certificate> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = ownPair(settings);
  const [cert, key] = own ? [own.cert, own.key] : await selfSigned(folder);
  const text = own ? readText(cert, `the certificate '${cert}' ${BOTH}`) : readFileSync(cert, "utf8");
  if (own) checkPair(own.cert, text, own.key);
  putUnlessSame(join(folder, "cert.pem"), text, 0o644);
  putUnlessSame(join(folder, "key.pem"), readFileSync(key, "utf8"), 0o600);
  const hosts = hostsOf(new X509Certificate(text));
  putUnlessSame(join(folder, "hosts"), hosts, 0o644);
  return { kind: own ? "real" : "self-signed", hosts };
}

/** Where the user's own pair is, if there is one. */
function ownPair(settings: Settings): { cert: string; key: string } | undefined {
  const set = { cert: settings.get("TLS_CERT"), key: settings.get("TLS_KEY") };
  if (set.cert || set.key) return set;
  const [cert, key] = ["fullchain.pem", "privkey.pem"].map((name) => join(ROOT, "nginx/certs", name));
  if (cert && key && (existsSync(cert) || existsSync(key))) return { cert, key };
  return undefined;
}

function checkPair(certFile: string, certText: string, keyFile: string): void {
  let key: KeyObject;
  try {
    key = createPrivateKey(readText(keyFile, `the private key '${keyFile}' ${BOTH}`));
  } catch (error) {
    if (error instanceof Stop) throw error;
    throw new Stop(`${keyFile} is not a private key without a passphrase`);
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certText);
  } catch {
    throw new Stop(`${certFile} is not a certificate (PEM)`);
  }
  if (!certificate.checkPrivateKey(key))
    throw new Stop(`${keyFile} does not belong to the certificate ${certFile}`);
  if (Date.parse(certificate.validTo) < Date.now()) note(`certificate: warning: ${certFile} has expired`);
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new Stop(`can't read ${what}`);
  }
}

function putUnlessSame(file: string, text: string, mode: number): void {
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeWhole(file, text, mode);
}

/** The pair that we make. */
async function selfSigned(folder: string): Promise<[cert: string, key: string]> {
  const [cert, key] = [join(folder, "self-signed.pem"), join(folder, "self-signed.key")];
  if (existsSync(key) && lasts(cert)) return [cert, key];
  const made = await ask([
    ..."openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -sha256".split(
      " ",
    ),
    ...["-subj", "/CN=localhost/O=Machine Manager, self-signed"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"],
    ...["-addext", "extendedKeyUsage=serverAuth", "-keyout", `${key}.new`, "-out", `${cert}.new`],
  ]);
  if (made.code === 127) throw new Stop("openssl is missing; install it with: just setup");
  if (made.code !== 0) throw new Stop(`openssl could not make a certificate in ${folder}:\n${made.stderr}`);
  renameSync(`${key}.new`, key); // (openssl makes it readable only by its owner)
  renameSync(`${cert}.new`, cert);
  return [cert, key];
}

function lasts(file: string): boolean {
  try {
    return Date.parse(new X509Certificate(readFileSync(file)).validTo) > Date.now() + SPARE_MS;
  } catch {
    return false;
  }
}

function hostsOf(certificate: X509Certificate): string {
  const names = (certificate.subjectAltName ?? "").split(",").flatMap((part) => {
    const [, kind, name = ""] = /^\s*(DNS|IP Address):\s*(\S+)\s*$/.exec(part) ?? [];
    if (!kind || !/^(\*\.)?[A-Za-z0-9.:_-]+$/.test(name)) return [];
    return kind !== "DNS" && name.includes(":") ? [`[${name.toLowerCase()}]`] : [name];
  });
  const first = names.find((name) => !name.startsWith("*")) ?? "localhost";
  return `${[...new Set(names)].map((name) => `"${name}" $host;\n`).join("")}default ${first};\n`;
}

/** nginx's HSTS line, only for a certificate that browsers trust. */
export const hsts = (kind: Certificate["kind"]): string =>
  kind === "real" ? 'add_header Strict-Transport-Security "max-age=31536000" always;' : "";
