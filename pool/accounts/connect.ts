import { createHash } from "node:crypto";
import { Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { MachineFault, printable } from "./faults.ts";

export interface Target {
  /** The address to connect to; the host as users type it is the pool's concern */
  host: string;
  port: number;
  user: string;
  secret: { kind: "password" | "private_key"; value: string };
  /** "type base64"; null: learn it from whoever answers */
  hostKey: string | null;
}

export interface Reply {
  /** The lines of its standard output; the last one decides */
  lines: string[];
  hostKey: string;
}

export interface Limits {
  /** TCP connect, handshake and login together */
  connectSeconds: number;
  /** the script; the machine itself enforces this limit */
  stepSeconds: number;
}

const MOST_OUTPUT = 64 * 1024;
/** How long after that limit we give up on a step ourselves. */
const GRACE_SECONDS = 2;

/**
 * Reads a script up to a marker from standard input and runs it; its parameters follow. So neither the script nor a
 * secret is ever a process's argument. One line without history characters: any login shell accepts it.
 */
function command(stepSeconds: number, user: string): string {
  const run = `timeout -s KILL ${stepSeconds} sh -c 'n=$(printf "\\nx"); n=\${n%x}; s=; while IFS= read -r l && [ "$l" != "#end" ]; do s="$s$l$n"; done; eval "$s"'`;
  return user === "root" ? run : `sudo -n ${run}`;
}

/** SHA256 fingerprint of a "type base64" host key, as ssh-keygen -l shows it. */
export function fingerprint(hostKey: string): string {
  const blob = Buffer.from(hostKey.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Key blob → "type base64"; the type is the blob's first string (RFC 4253, section 6.6). */
export function keyText(blob: Buffer): string {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1");
  return `${printable(type, 64)} ${blob.toString("base64")}`;
}

/** What a machine may sign with, for a kind of host key. */
export const algorithmsFor = (type: string): string[] =>
  type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];

/** Asks for the pinned kind of key, or a machine with several kinds would seem to have changed. */
function onlyThatKind(hostKey: string | null): Pick<ConnectConfig, "algorithms"> {
  const type = hostKey?.split(" ")[0];
  if (!type) return {};
  return { algorithms: { serverHostKey: algorithmsFor(type) as ServerHostKeyAlgorithm[] } };
}

/**
 * Runs one script on a machine, in one connection. The host key is compared before any secret is sent.
 * @param input parameters, one per line, for the script's standard input
 * @param signal gives up on the step at once (what the machine does then is unknown)
 * @returns its output, when the script ended with status 0
 * @throws MachineFault; `timeout` and `unreachable` after the login say nothing about what the script did
 */
export function runScript(
  target: Target,
  script: string,
  input: string[],
  limits: Limits,
  signal?: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let hostKey = "";
    let mismatch = false;
    let loggedIn = false;
    let settled = false;
    const end = (act: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      client.destroy();
      act();
    };
    const fault = (kind: MachineFault["kind"], text: string) =>
      end(() => reject(new MachineFault(kind, text, 0, hostKey)));
    const onAbort = () => fault("timeout", "the step was aborted: its lease was lost");
    let timer = setTimeout(
      () => fault("unreachable", `no SSH answer within ${limits.connectSeconds} s`),
      limits.connectSeconds * 1000,
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort);

    client.on("error", (error) => {
      if (mismatch) return fault("host_key", `the host key changed: it is now ${fingerprint(hostKey)}`);
      const level = (error as { level?: string }).level;
      if (level === "client-authentication")
        return fault("auth", "the machine refused the login's password or key");
      fault(
        loggedIn ? "timeout" : "unreachable",
        `${loggedIn ? "the connection broke" : "can't connect"}: ${error.message}`,
      );
    });
    client.on("close", () =>
      fault(loggedIn ? "timeout" : "unreachable", "the machine closed the connection"),
    );
    client.on("ready", () => {
      loggedIn = true;
      clearTimeout(timer);
      timer = setTimeout(
        () => fault("timeout", `the step did not end within ${limits.stepSeconds} s`),
        (limits.stepSeconds + GRACE_SECONDS) * 1000,
      );
      client.exec(command(limits.stepSeconds, target.user), (error, stream) => {
        if (error) return fault("failed", `the machine refused to run a command: ${error.message}`);
        let out = "";
        let errors = "";
        const take = (text: string, add: (t: string) => void) => {
          if (out.length + errors.length > MOST_OUTPUT)
            return fault("failed", "the machine answered with more than 64 KiB");
          add(text);
        };
        stream.setEncoding("utf8").on("data", (text: string) => take(text, (t) => (out += t)));
        stream.stderr.setEncoding("utf8").on("data", (text: string) => take(text, (t) => (errors += t)));
        stream.on("error", () => {});
        stream.on("close", (code: number | null) => {
          const lines = out.split("\n").filter((line) => line !== "");
          const last = lines.at(-1) ?? "";
          if (code === 0 || last.startsWith("FAIL ")) return end(() => resolve({ lines, hostKey }));
          const words = printable(errors, 200) || `status ${code ?? "unknown"}`;
          fault(
            // Without a status (ssh2 gives undefined), or with that of a step killed by its time limit, the outcome is unknown.
            code === 137 || typeof code !== "number" ? "timeout" : "failed",
            `the step ended without an answer: ${words}`,
          );
        });
        stream.end(`${script}\n#end\n${input.join("\n")}\n`);
      });
    });
    try {
      client.connect({
        host: target.host,
        port: target.port,
        username: target.user,
        ...(target.secret.kind === "password"
          ? { password: target.secret.value }
          : { privateKey: target.secret.value }),
        ...onlyThatKind(target.hostKey),
        readyTimeout: 0,
        hostVerifier: (blob: Buffer) => {
          hostKey = keyText(blob);
          mismatch = target.hostKey !== null && hostKey !== target.hostKey;
          return !mismatch;
        },
      });
    } catch (error) {
      // ssh2 refuses an unusable private key here; its message does not contain the key.
      fault("auth", `the login's key can't be used: ${error instanceof Error ? error.message : "unknown"}`);
    }
  });
}
