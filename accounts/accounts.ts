import { readFileSync } from "node:fs";
import { type Limits, type Reply, runScript, type Target } from "./connect.ts";
import { isFaultKind, MachineFault } from "./faults.ts";
import { turns } from "./turns.ts";

export interface Account {
  username: string;
  /** 20000–59999, never used twice */
  uid: number;
  /** the reservation's id; the first comma field of GECOS, which a user can't change */
  mark: string;
}

export type Credential = { kind: "password"; password: string } | { kind: "keys"; keys: string[] };

/** What the pool may do on a machine. Each call is one connection and throws MachineFault. */
export interface Accounts {
  /** The longest that one call can take, turn not included, in seconds. */
  readonly longestSeconds: number;
  /** Logs in, looks for what we need; changes nothing. Answers the host key and the generation that it has seen. */
  look(target: Target, signal?: AbortSignal): Promise<{ hostKey: string; generation: number }>;
  /** Makes the account, or finds it made; it ends by itself at `endsAt` at the latest. */
  create(
    target: Target,
    generation: number,
    account: Account,
    credential: Credential,
    endsAt: Date,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Returns only when the account was proved to be gone. */
  remove(target: Target, generation: number, account: Account, signal?: AbortSignal): Promise<void>;
  /** Removes every account of ours but the one of the reservation `keep`. Answers how many it removed. */
  sweep(target: Target, generation: number, keep: string | null, signal?: AbortSignal): Promise<number>;
}

const script = (name: string) => readFileSync(new URL(`./scripts/${name}.sh`, import.meta.url), "utf8");
const DAY_MS = 86_400_000;

/** 2026-11-23T09:05:07.000Z → 20261123090507Z, as authorized_keys' expiry-time has it (sshd(8)). */
const stamp = (time: Date) => `${time.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;

/** The last line decides: what it must start with, or FAIL and why. Anything else means unknown. */
function answer(reply: Reply, expected: string): string {
  const last = reply.lines.at(-1) ?? "";
  if (last === expected || last.startsWith(`${expected} `)) return last.slice(expected.length).trim();
  const [, kind, text] = /^FAIL (\S+) ?(.*)$/.exec(last) ?? [];
  if (kind && isFaultKind(kind)) throw new MachineFault(kind, faultText(kind, text ?? ""));
  throw new MachineFault("timeout", "the step ended without an answer that we know");
}

function faultText(kind: MachineFault["kind"], text: string): string {
  if (kind === "fenced") return `the machine has seen a later step (${text})`;
  if (kind === "uid_taken") return `the uid ${text} is taken on the machine`;
  return text;
}

/**
 * Accounts over SSH.
 * @param concurrency steps at once in this process
 * @param connectSeconds limit for connect, handshake and login
 */
export function accountsOverSsh(concurrency: number, connectSeconds: number): Accounts {
  const limits: Limits = { connectSeconds, stepSeconds: 30 };
  const turn = turns(concurrency);
  const fence = script("fence");
  const remover = fence + script("remove");
  const scripts = {
    look: script("look"),
    create: fence + script("create"),
    remove: remover + script("removal"),
    sweep: remover + script("sweep"),
  };
  const step = (target: Target, name: keyof typeof scripts, input: string[], signal?: AbortSignal) =>
    turn(() => runScript(target, scripts[name], input, limits, signal));

  return {
    longestSeconds: limits.connectSeconds + limits.stepSeconds + 2,
    async look(target, signal) {
      const reply = await step(target, "look", [], signal);
      return { hostKey: reply.hostKey, generation: Number(answer(reply, "READY")) || 0 };
    },
    async create(target, generation, { username, uid, mark }, credential, endsAt, signal) {
      const day = Math.floor(endsAt.getTime() / DAY_MS) + 1;
      const secret = credential.kind === "password" ? [credential.password] : [...credential.keys, "."];
      const input = [
        `${generation}`,
        `${uid} ${username} ${mark} ${day} ${stamp(endsAt)}`,
        credential.kind,
        ...secret,
      ];
      answer(await step(target, "create", input, signal), `MADE ${username} ${uid}`);
    },
    async remove(target, generation, { username, uid, mark }, signal) {
      const reply = await step(target, "remove", [`${generation}`, `${uid} ${username} ${mark}`], signal);
      answer(reply, `CLEAN ${username} ${uid}`);
    },
    async sweep(target, generation, keep, signal) {
      return Number(answer(await step(target, "sweep", [`${generation}`, keep ?? "-"], signal), "SWEPT"));
    },
  };
}
