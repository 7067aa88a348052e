// Registers the machines of provision/machines.txt through the API: `name host port user password` a line.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Type from "typebox";
import Value from "typebox/value";

const USAGE = `usage: bun provision/register.ts [--url URL] [--file FILE] [--ca FILE] [--wait SECONDS]

  --url URL       the API (default: https://localhost, with HTTPS_PORT from the environment or .env)
  --file FILE     the machines, "name host port user password" a line; # starts a comment line
                  (default: provision/machines.txt)
  --ca FILE       PEM certificates to trust; without it any certificate is accepted, from a loopback address only
  --wait SECONDS  how long to repeat a request that is answered "not just now" (default: 20)

ADMIN_TOKEN (or ADMIN_TOKEN_FILE) from the environment is sent when set. A machine that is there already is left alone.
Exit code: 0 every line is registered, 1 some line is not, 2 it could not go on (and says why).`;

const Machine = Type.Object({
  name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" }),
  host: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$" }),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  user: Type.String({ pattern: "^[a-z_][a-z0-9_-]{0,31}$" }),
  password: Type.String({ minLength: 1, maxLength: 256 }),
});
const FIELDS = ["name", "host", "port", "user", "password"] as const;
type Machine = Type.Static<typeof Machine>;

const Answer = Type.Object({
  error: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  state: Type.Optional(Type.String()),
  last_error: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

class Unusable extends Error {}

/** What one line says, or why it can't be used. Never repeats a line: it holds a password. */
function parseLine(line: string): Machine | string {
  const words = line.trim().split(/\s+/);
  if (words.length !== FIELDS.length) return `has ${words.length} words, not the five: ${FIELDS.join(" ")}`;
  const fields = Object.fromEntries(FIELDS.map((field, i) => [field, words[i]]));
  const machine = { ...fields, port: /^\d+$/.test(words[2] ?? "") ? Number(words[2]) : words[2] };
  if (Value.Check(Machine, machine)) return machine;
  const field = Value.Errors(Machine, machine)[0]?.instancePath.slice(1) ?? "?";
  return field === "port" ? "port is not a number from 1 to 65535" : `${field} is not one that can be used`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function connection(urlText: string, ca: string | undefined, token: string) {
  const url = URL.parse(urlText);
  if (!url || !["http:", "https:"].includes(url.protocol))
    throw new Unusable(`--url ${urlText} is not an http(s) URL`);
  const local = isLoopback(url.hostname);
  if (url.protocol === "http:" && !local)
    throw new Unusable(`${url.origin}: passwords go there over https only`);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const tls = ca ? { ca } : { rejectUnauthorized: !local };
  return { origin: url.origin, headers, tls };
}
type Connection = ReturnType<typeof connection>;

/** POSTs one machine; repeats while the API says "not just now". Safe to repeat: the name can be taken once only. */
async function post(to: Connection, machine: Machine, waitSeconds: number) {
  const deadline = Date.now() + waitSeconds * 1000;
  for (;;) {
    const response = await fetch(`${to.origin}/machines`, {
      method: "POST",
      headers: to.headers,
      body: JSON.stringify(machine),
      redirect: "manual",
      signal: AbortSignal.timeout(60_000),
      tls: to.tls,
    }).catch((error: Error) => {
      throw new Unusable(`can't reach the API at ${to.origin}: ${error.message}. Is it up? See: just status`);
    });
    const body = await response.json().catch(() => ({}));
    const answer = Value.Check(Answer, body) ? body : {};
    const pause = Math.min(Number(response.headers.get("retry-after")) || 0.5, 5) * 1000;
    if (![429, 502, 503, 504].includes(response.status) || Date.now() + pause > deadline)
      return { status: response.status, ...answer };
    await Bun.sleep(pause);
  }
}

function verdict(answer: Awaited<ReturnType<typeof post>>): {
  word: "added" | "there" | "failed";
  text: string;
} {
  if (answer.status === 201 && answer.state !== "quarantined") return { word: "added", text: "registered" };
  if (answer.status === 201)
    return { word: "added", text: `registered, not usable yet: ${printable(answer.last_error)}` };
  if (answer.status === 409 && answer.code === "machine_exists")
    return { word: "there", text: "already there" };
  if (answer.status === 401 || answer.status === 403)
    return {
      word: "failed",
      text: "the API wants a token: set ADMIN_TOKEN to the one that it was started with",
    };
  return { word: "failed", text: `the API answered ${answer.status}: ${printable(answer.error)}` };
}

function printable(text: string | null | undefined): string {
  return (text || "no reason given").replace(/\p{C}/gu, " ").slice(0, 300);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      file: { type: "string", default: join(import.meta.dir, "machines.txt") },
      ca: { type: "string" },
      wait: { type: "string", default: "20" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { HTTPS_PORT, ADMIN_TOKEN, ADMIN_TOKEN_FILE } = process.env;
  const port = HTTPS_PORT || (process.getuid?.() === 0 ? "443" : "8443");
  const token = ADMIN_TOKEN || (ADMIN_TOKEN_FILE ? (await read(ADMIN_TOKEN_FILE)).trim() : "");
  const ca = values.ca === undefined ? undefined : await read(values.ca);
  const to = connection(values.url ?? `https://localhost:${port}`, ca, token);
  const wait = Number(values.wait);
  if (!(wait >= 0)) throw new Unusable(`--wait ${values.wait} is not a number of seconds`);

  const lines = (await read(values.file)).split("\n").map((text, i) => ({ text, number: i + 1 }));
  const wanted = lines.filter(({ text }) => text.trim() !== "" && !text.trim().startsWith("#"));
  const count = { added: 0, there: 0, failed: 0 };
  const work = async () => {
    for (let line = wanted.shift(); line; line = wanted.shift()) {
      const machine = parseLine(line.text);
      const label = typeof machine === "string" ? `${values.file}:${line.number}` : machine.name;
      const { word, text } =
        typeof machine === "string"
          ? ({ word: "failed", text: machine } as const)
          : verdict(await post(to, machine, wait));
      count[word]++;
      const where =
        word === "failed" && label !== `${values.file}:${line.number}` ? ` (line ${line.number})` : "";
      (word === "failed" ? console.error : console.log)(`${label}${where}: ${text}`);
    }
  };
  await Promise.all([work(), work(), work(), work()]); // the API contacts each machine, and a dead one takes its time
  console.log(`${count.added} registered, ${count.there} already there, ${count.failed} failed`);
  return count.failed === 0 ? 0 : 1;
}

async function read(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Unusable(`can't read ${path} (${error.code})`);
  });
}

try {
  process.exit(await main());
} catch (error) {
  const usage =
    error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (!(error instanceof Unusable) && !usage) throw error;
  console.error(`register: ${error.message}${usage ? `\n${USAGE}` : ""}`);
  process.exit(2);
}
