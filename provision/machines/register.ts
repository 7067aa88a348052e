// Registers machines through the API.
import Type from "typebox";
import Value from "typebox/value";
import { note, Stop, say } from "../script/say.ts";
import { type Api, get } from "../stack/api.ts";
import { type Machine, parseLine } from "./line.ts";

/** How long to repeat a request while the answer is "not just now". */
export const WAIT_SECONDS = 20;
/** In parallel: the API contacts each machine, and a dead one is slow. */
const LANES = 4;

const Answer = Type.Object({
  error: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  state: Type.Optional(Type.String()),
  last_error: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

const Known = Type.Object({ host: Type.String(), port: Type.Integer() });

/** POSTs one machine; repeats while the API says "not just now". Safe to repeat: a name can only be taken once. */
async function post(to: Api, machine: Machine, waitSeconds: number) {
  const deadline = Date.now() + waitSeconds * 1000;
  for (;;) {
    const response = await fetch(`${to.origin}/machines`, {
      method: "POST",
      headers: { ...to.headers, "content-type": "application/json" },
      body: JSON.stringify(machine),
      redirect: "manual",
      signal: AbortSignal.timeout(60_000),
      tls: to.tls,
    }).catch((error: Error) => {
      throw new Stop(
        `can't reach the API at ${to.origin}: ${error.message.split(". ")[0]}. Is it up? See: just status`,
        2,
      );
    });
    const body = await response.json().catch(() => ({}));
    const answer = Value.Check(Answer, body) ? body : {};
    const pause = Math.min(Number(response.headers.get("retry-after")) || 0.5, 5) * 1000;
    if (![429, 502, 503, 504].includes(response.status) || Date.now() + pause > deadline)
      return { status: response.status, ...answer };
    await Bun.sleep(pause);
  }
}

interface Verdict {
  word: "added" | "there" | "failed";
  text: string;
}

async function register(to: Api, machine: Machine, waitSeconds: number): Promise<Verdict> {
  const answer = await post(to, machine, waitSeconds);
  const text = `the API answered ${answer.status}: ${printable(answer.error)}`;
  if (answer.status === 201 && answer.state !== "quarantined") return { word: "added", text: "registered" };
  if (answer.status === 201)
    return { word: "added", text: `registered, not usable yet: ${printable(answer.last_error)}` };
  if (answer.status === 409 && answer.code === "machine_exists") {
    // Only the same machine is fine: another one of that name would never get into the pool.
    const known = await get(to, `/machines/${machine.name}`);
    if (!Value.Check(Known, known)) return { word: "failed", text };
    if (known.host.toLowerCase() === machine.host.toLowerCase() && known.port === machine.port)
      return { word: "there", text: "already there" };
    const place = printable(`${known.host}:${known.port}`);
    return { word: "failed", text: `there is already a machine of that name, at ${place}` };
  }
  if (answer.status === 401 || answer.status === 403)
    return {
      word: "failed",
      text: "the API requires a token: set ADMIN_TOKEN to the one that it was started with",
    };
  return { word: "failed", text };
}

function printable(text: string | null | undefined): string {
  return (text || "no reason given").replace(/\p{C}/gu, " ").slice(0, 300);
}

/**
 * Registers every line of a text, and reports the result of each.
 * @param label the text's file name
 * @returns how many are registered now, were registered before, and failed
 */
export async function registerLines(
  to: Api,
  text: string,
  label: string,
  waitSeconds = WAIT_SECONDS,
): Promise<{ added: number; there: number; failed: number }> {
  const lines = text.split("\n").map((line, i) => ({ line, number: i + 1 }));
  const wanted = lines.filter(({ line }) => line.trim() !== "" && !line.trim().startsWith("#"));
  const count = { added: 0, there: 0, failed: 0 };
  const work = async () => {
    for (let next = wanted.shift(); next; next = wanted.shift()) {
      const machine = parseLine(next.line);
      const { word, text: said } =
        typeof machine === "string"
          ? ({ word: "failed", text: machine } as const)
          : await register(to, machine, waitSeconds);
      count[word]++;
      const at =
        typeof machine === "string"
          ? `${label}:${next.number}`
          : `${machine.name}${word === "failed" ? ` (line ${next.number})` : ""}`;
      (word === "failed" ? note : say)(`${at}: ${said}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  say(`${count.added} registered, ${count.there} already there, ${count.failed} failed`);
  return count;
}

/** Registers one machine, and reports the result. @returns whether it is registered */
export async function registerOne(to: Api, machine: Machine): Promise<boolean> {
  const { word, text } = await register(to, machine, WAIT_SECONDS);
  (word === "failed" ? note : say)(`${machine.name}: ${text}`);
  return word !== "failed";
}
