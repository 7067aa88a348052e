// The clients' side of the story: requests and answers.
import { call } from "../../support/program.ts";

export interface Asked {
  /** unique to this request, so that what it left can be identified */
  username: string;
  password: string;
  count: number;
  key: string | null;
  /** "granted": 2xx. "refused": an error. "unknown": no answer, or one that says that the outcome is unknown (504) */
  outcome: "granted" | "refused" | "unknown";
  status: number;
  id: string | null;
  machines: string[];
  /** the client or the test ended it: it need not be active any more */
  ended: boolean;
  milliseconds: number;
}

export class Ledger {
  readonly asked: Asked[] = [];

  /** Requests machines, and records the result. Never throws because of the server. */
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

  /** Releases one; whatever the answer, from now on it need not be active. */
  async release(at: { url: string }, entry: Asked): Promise<number> {
    entry.ended = true;
    try {
      return (await call(at, "DELETE", `/reservations/${entry.id}`)).status;
    } catch {
      return 0;
    }
  }
}
