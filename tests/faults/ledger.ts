// The clients' side of the story: what was asked, and what was answered.
import { call } from "../support/program.ts";

export interface Asked {
  /** of this one request only, so that what it left can be told from the others' */
  username: string;
  password: string;
  count: number;
  key: string | null;
  /** "granted": 2xx. "refused": an error. "unknown": no answer, or one that says that nobody knows (504) */
  outcome: "granted" | "refused" | "unknown";
  status: number;
  id: string | null;
  machines: string[];
  /** the client asked for its end, or the test made it end: it need not be active any more */
  ended: boolean;
  milliseconds: number;
}

export class Ledger {
  readonly asked: Asked[] = [];

  /** Asks for machines, and writes down what came of it. Never throws for what a server does. */
  async reserve(
    at: { url: string },
    username: string,
    count: number,
    more: { key?: string; duration?: number } = {},
  ): Promise<Asked> {
    const entry: Asked = {
      username,
      password: `pw ${username}`,
      count,
      key: more.key ?? null,
      outcome: "unknown",
      status: 0,
      id: null,
      machines: [],
      ended: false,
      milliseconds: 0,
    };
    const from = performance.now();
    try {
      const answer = await call(
        at,
        "POST",
        "/reservations",
        { username, password: entry.password, count, duration: more.duration ?? 60 },
        more.key ? { "Idempotency-Key": more.key } : {},
      );
      entry.status = answer.status;
      if (answer.status === 201) {
        entry.outcome = "granted";
        entry.id = answer.body.id;
        entry.machines = answer.body.machines.map((one: { machine: string }) => one.machine);
      } else if (answer.status !== 504 && answer.body?.code !== "upstream_unavailable")
        entry.outcome = "refused";
    } catch {
      // The connection broke: no answer.
    }
    entry.milliseconds = performance.now() - from;
    this.asked.push(entry);
    return entry;
  }

  /** Asks for the end of one; whatever is answered, from now on it need not be active. */
  async release(at: { url: string }, entry: Asked): Promise<number> {
    entry.ended = true;
    try {
      return (await call(at, "DELETE", `/reservations/${entry.id}`)).status;
    } catch {
      return 0;
    }
  }
}
