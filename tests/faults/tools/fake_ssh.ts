// A fake machine: an SSH server that speaks our steps' protocol, or breaks it at a given point. It records the logins that
// clients try.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type Connection, type ServerChannel } from "ssh2";

/** Where the conversation ends: the TCP connection, the version, the key exchange, the login, the step, its output, its status. */
export type Place = "accept" | "version" | "kex" | "login" | "session" | "exec" | "output" | "status";
export const PLACES: Place[] = ["accept", "version", "kex", "login", "session", "exec", "output", "status"];

/** Its answer to a step: the lines, and the exit status (null: the channel closes without one). */
export interface Said {
  text: string;
  status: number | null;
}

export interface Behaviour {
  stall?: Place;
  close?: Place;
  /** bytes instead of SSH, again and again */
  noise?: string;
  /** a wrong answer; `truth` is the right last line */
  say?: (truth: string) => Said;
  /** output without end, on that stream */
  endless?: "stdout" | "stderr";
}

export interface Offer {
  method: string;
  user: string;
  secret: string;
}

export interface FakeMachine {
  name: string;
  host: string;
  port: number;
  user: string;
  password: string;
  /** "type base64" */
  hostKey: string;
  /** its claimed identity */
  identity: string;
  /** changes with the next connection */
  behaviour: Behaviour;
  /** every login that was tried */
  offers: Offer[];
  /** connections and steps so far */
  connections: number;
  steps: string[];
  /** the account that it claims to have */
  account: string;
  /** Uses a different host key from now on. */
  changeKey(): void;
  stop(): void;
}

/** An OpenSSH private key, made by ssh-keygen. */
export function newKey(): string {
  const folder = mkdtempSync(join(tmpdir(), "mm-key-"));
  try {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    return readFileSync(join(folder, "key"), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const publicOf = (key: string) => {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  const one = Array.isArray(parsed) ? parsed[0] : parsed;
  return `${one.type} ${one.getPublicSSH().toString("base64")}`;
};

/** An honest machine's answer to a script and its parameters, according to pool/accounts/scripts. */
function truthOf(machine: FakeMachine, script: string, input: string[]): string {
  if (script.includes('echo "READY ')) return `READY ${machine.account ? 1 : 0} ${machine.identity}`;
  const who = (input[1] ?? "").split(" ");
  if (script.includes('echo "MADE ')) {
    machine.account = `${who[1]} ${who[0]}`;
    return `MADE ${machine.account}`;
  }
  if (script.includes('echo "CLEAN ')) {
    machine.account = "";
    return `CLEAN ${who[1]} ${who[0]} ${machine.identity}`;
  }
  return "SWEPT 0";
}

function serveStep(machine: FakeMachine, stream: ServerChannel, connection: Connection): void {
  const { stall, close, say, endless } = machine.behaviour;
  if (close === "exec") return void connection.end();
  if (stall === "exec") return;
  let text = "";
  const answer = () => {
    const [script = "", rest = ""] = text.split("\n#end\n");
    const truth = truthOf(machine, script, rest.split("\n"));
    machine.steps.push(truth);
    if (endless) return flood(stream, endless);
    if (stall === "output" || close === "output") {
      stream.write(truth.slice(0, 3));
      if (close) setImmediate(() => connection.end());
      return;
    }
    const said = say?.(truth) ?? { text: `${truth}\n`, status: 0 };
    stream.write(said.text);
    if (stall === "status") return;
    if (close === "status") return void setImmediate(() => connection.end());
    if (said.status !== null) stream.exit(said.status);
    stream.end();
  };
  stream.on("data", (part: Buffer) => {
    text += part;
  });
  stream.on("end", answer);
  stream.on("error", () => {});
}

function flood(stream: ServerChannel, which: "stdout" | "stderr"): void {
  const out = which === "stdout" ? stream : stream.stderr;
  const more = () => {
    while (!stream.destroyed && out.write("all work and no play makes jack a dull boy\n".repeat(50)));
  };
  out.on("drain", more);
  out.on("error", () => {});
  more();
}

/** Starts one; `key` may be shared, since making one takes a while. */
export async function startFake(
  options: { name?: string; host?: string; port?: number; key?: string; password?: string } = {},
): Promise<FakeMachine> {
  let key = options.key ?? newKey();
  const sockets = new Set<Socket>();
  const machine: FakeMachine = {
    name: options.name ?? "fake",
    host: options.host ?? "127.0.0.1",
    port: 0,
    user: "root",
    password: options.password ?? crypto.randomUUID(),
    hostKey: publicOf(key),
    identity: crypto.randomUUID().replaceAll("-", ""),
    behaviour: {},
    offers: [],
    connections: 0,
    steps: [],
    account: "",
    changeKey() {
      key = newKey();
      machine.hostKey = publicOf(key);
    },
    stop() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  const onConnection = (connection: Connection) => {
    const { stall, close } = machine.behaviour;
    connection.on("error", () => {});
    connection.on("handshake", () => close === "kex" && connection.end());
    connection.on("authentication", (offer) => {
      const secret = offer.method === "password" ? offer.password : "";
      machine.offers.push({ method: offer.method, user: offer.username, secret });
      if (stall === "kex") return;
      if (offer.method !== "password") return offer.reject(["password"]);
      if (offer.password !== machine.password) return offer.reject();
      if (stall === "login") return;
      if (close === "login") return void connection.end();
      offer.accept();
    });
    connection.on("session", (accept, _reject) => {
      if (close === "session") return void connection.end();
      if (stall === "session") return;
      accept().on("exec", (acceptExec) => serveStep(machine, acceptExec(), connection));
    });
  };
  const listener = createServer((socket) => {
    machine.connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    const { stall, close, noise } = machine.behaviour;
    if (close === "accept") return void socket.destroy();
    if (stall === "accept") return;
    if (noise) {
      const more = () => {
        while (!socket.destroyed && socket.write(noise));
      };
      socket.on("drain", more);
      return more();
    }
    if (stall === "version" || close === "version") {
      socket.write("SSH-2.0-OpenSSH_9.2\r\n");
      if (close) socket.end();
      return;
    }
    new ssh2.Server({ hostKeys: [key], ident: "fake" }, onConnection).injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(options.port ?? 0, machine.host, resolve);
  });
  machine.port = (listener.address() as { port: number }).port;
  return machine;
}
