// The clients' side of the story: requests and answers.
import { call } from "../../support/program.ts";

export interface Asked {
  /** unique to this request, so that what it left can be identified */
  username: string;
  password: string;
  count: number;
  key: string | null;
  /**
   * "granted": 201, or seen to be active. "waits": 202. "refused": an error. "unknown": no answer, or one that says that the
   * outcome is unknown (504)
   */
  outcome: "granted" | "waits" | "refused" | "unknown";
  status: number;
  id: string | null;
  machines: string[];
  /** the client or the test ended it: it need not be active any more */
  ended: boolean;
  milliseconds: number;
  /** the end that an extension was answered with; undefined: none was, or one's outcome is unknown */
  endsAt?: string | undefined;
}

export interface More {
  key?: string;
  /** minutes */
  duration?: number;
  /** minutes that it may wait */
  wait?: number;
  /** books it for then */
  startsAt?: Date;
  replace?: boolean;
}

export class Ledger {
  readonly asked: Asked[] = [];

  /** Requests machines, and records the result. Never throws because of the server. */
  async reserve(at: { url: string }, username: string, count: number, more: More = {}): Promise<Asked> {
    const { duration = 60, wait, startsAt, replace } = more;
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
        {
          username,
          password: entry.password,
          count,
          duration,
          wait,
          replace,
          starts_at: startsAt?.toISOString(),
        },
        more.key ? { "Idempotency-Key": more.key } : {},
      );
      entry.status = answer.status;
      if (answer.status === 201 || answer.status === 202) {
        entry.outcome = answer.status === 201 ? "granted" : "waits";
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

  /** Asks what has become of one that waits, until something has or so many seconds are over. @returns the status; 0: none */
  async follow(at: { url: string }, entry: Asked, seconds: number): Promise<number> {
    try {
      const { status, body } = await call(at, "GET", `/reservations/${entry.id}?wait=${seconds}`);
      if (status === 200 && body.state === "active") {
        entry.outcome = "granted";
        entry.machines = body.machines.map((one: { machine: string }) => one.machine);
      }
      // Why it could not start is judged by the checker.
      if (status === 200 && ["ending", "ended", "failed"].includes(body.state)) return 410;
      return status;
    } catch {
      return 0;
    }
  }

  /** Waits until one that waits has started: sent back to the queue, it is tried again after a pause. @returns what is broken */
  async started(at: { url: string }, mine: Asked): Promise<string[]> {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      const status = await this.follow(at, mine, 5);
      if (mine.outcome === "granted") return [];
      if (status !== 200) return [`I10 ${mine.username} waits no more, and has not started: ${status}`];
    }
    return [`I10 ${mine.username} waits, although its machines are free`];
  }

  /** Extends one by so many minutes, or what there is. @returns the status; 0: no answer */
  async extend(at: { url: string }, entry: Asked, minutes: number): Promise<number> {
    const before = entry.endsAt;
    entry.endsAt = undefined;
    try {
      const { status, body } = await call(at, "POST", `/reservations/${entry.id}/extend`, {
        minutes,
        at_most: true,
      });
      if (status === 200) entry.endsAt = body.ends_at;
      // Refused: it ends when it would have.
      if (status === 409) entry.endsAt = before;
      return status;
    } catch {
      return 0;
    }
  }

  /** Releases the machine in one slot. @returns the status; 0: no answer */
  async reduce(at: { url: string }, entry: Asked, slot: string): Promise<number> {
    try {
      return (await call(at, "POST", `/reservations/${entry.id}/release`, { machines: [slot] })).status;
    } catch {
      return 0;
    }
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
