// HTTP/1.1 by hand over keep-alive connections: a client library would fix the oddities that we want to send.
import { connect, type Socket } from "node:net";

export interface Request {
  method: string;
  /** as sent: path and query */
  target: string;
  headers: [string, string][];
  body: Uint8Array | undefined;
}

export interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** The bytes of a request. */
export function bytesOf({ method, target, headers, body }: Request): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost"];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (body) lines.push(`Content-Length: ${body.byteLength}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body ?? new Uint8Array()]);
}

/** One that has no end: its beginning is the answer. */
const isStream = (headers: Map<string, string>) =>
  headers.get("content-type")?.startsWith("text/event-stream");

/** The first complete answer in what has arrived, and its length; undefined if it isn't complete yet. */
function parse(seen: Buffer, method: string): { answer: Answer; length: number } | undefined {
  const end = seen.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = seen.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.split(":")[0]?.toLowerCase() ?? "", line.replace(/^[^:]*: */, "")]),
  );
  const status = Number(first.split(" ")[1]);
  const from = end + 4;
  const whole = (body: Buffer, length: number) => ({
    answer: { status, headers, body: body.toString() },
    length,
  });
  if (isStream(headers)) return whole(Buffer.alloc(0), seen.length);
  if (method === "HEAD" || status === 204 || status === 304) return whole(Buffer.alloc(0), from);
  if (headers.get("transfer-encoding") === "chunked") {
    const parts: Buffer[] = [];
    for (let at = from; ; ) {
      const line = seen.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = Number.parseInt(seen.subarray(at, line).toString("latin1"), 16);
      if (seen.length < line + 2 + size + 2) return undefined;
      if (size === 0) return whole(Buffer.concat(parts), line + 4);
      parts.push(seen.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
  }
  const length = Number(headers.get("content-length") ?? 0);
  return seen.length < from + length ? undefined : whole(seen.subarray(from, from + length), from + length);
}

/** One connection, one request at a time; a new connection if the server has closed it. */
export class Wire {
  private socket: Socket | undefined;
  private seen = Buffer.alloc(0);
  /** how many connections it needed */
  connections = 0;
  constructor(
    private readonly port: number,
    private readonly deadline = 10_000,
  ) {}

  /** Sends bytes and waits for one answer. @throws Error when none comes before the deadline, or the connection ends */
  send(bytes: Buffer, method: string): Promise<Answer> {
    const socket = this.socket ?? connect(this.port, "127.0.0.1");
    if (!this.socket) this.connections++;
    this.socket = socket;
    this.seen = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      const over = (act: () => void, close: boolean) => {
        clearTimeout(timer);
        socket.removeAllListeners();
        // Later errors don't matter, but must not be thrown.
        socket.on("error", () => {});
        if (close) this.close();
        else socket.on("close", () => this.socket === socket && this.close());
        act();
      };
      const timer = setTimeout(
        () => over(() => reject(new Error(`no answer within ${this.deadline} ms`)), true),
        this.deadline,
      );
      const fail = (why: string) => over(() => reject(new Error(why)), true);
      socket.on("error", (error) => fail(error.message));
      socket.on("close", () => fail("the connection was closed without an answer"));
      socket.on("data", (part) => {
        this.seen = Buffer.concat([this.seen, part as Buffer]);
        const found = parse(this.seen, method);
        if (!found) return;
        const rest = this.seen.length > found.length;
        if (rest)
          return fail(`more than one answer: ${this.seen.subarray(found.length).toString().slice(0, 200)}`);
        const { headers } = found.answer;
        over(() => resolve(found.answer), isStream(headers) || headers.get("connection") === "close");
      });
      socket.write(bytes);
    });
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }
}
