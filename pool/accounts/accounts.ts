import { readFileSync } from "node:fs";
import type { Proof } from "../../db/schema/columns.ts";
import { type AddressRules, addressOf } from "./address.ts";
import { type Limits, type Reply, runScript, type Target } from "./connect.ts";
import { type Facts, factsIn } from "./facts.ts";
import { isFaultKind, MachineFault } from "./faults.ts";
import { shownHostKey } from "./host_key.ts";
import { limit } from "./limit.ts";
import { countsIn } from "./removed.ts";

export interface Account {
  username: string;
  /** within the pool's range; used again only after every disk has been swept */
  uid: number;
  /** the reservation's id; the first comma field of GECOS, which a user can't change */
  mark: string;
}

export type Credential = { kind: "password"; password: string } | { kind: "keys"; keys: string[] };

/** What the pool may do on a machine. Each call is one connection and throws MachineFault. */
export interface Accounts {
  /** The longest that one call can take, in seconds, not counting the wait for its turn. */
  readonly longestSeconds: number;
  /**
   * Logs in and checks for what we need; changes nothing. Returns the host key (so does a fault, once it was seen), the
   * number of our accounts on record, the machine's unique identity (null: it was never in a pool), and its facts.
   */
  look(
    target: Target,
    signal?: AbortSignal,
  ): Promise<{ hostKey: string; accounts: number; identity: string | null; facts: Facts }>;
  /** Which host key the machine shows, "type base64"; logs in to nothing. */
  shownHostKey(target: Pick<Target, "host" | "port" | "hostKey">): Promise<string>;
  /** Makes the account unless it exists; it expires on its own after so many seconds, or up to a day later (a password). */
  create(
    target: Target,
    generation: number,
    account: Account,
    credential: Credential,
    seconds: number,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Moves the account's own end to so many seconds from now, as `create` sets it. */
  extend(target: Target, generation: number, account: Account, seconds: number): Promise<void>;
  /**
   * Removes the holder's account and every other one of ours (left by a crash or a restored database).
   * Returns only when all have been proved to be gone; returns the machine's identity and facts, and what it says of the
   * holder's.
   */
  clean(
    target: Target,
    generation: number,
    holder: Account | null,
    signal?: AbortSignal,
  ): Promise<{ identity: string | null; facts: Facts; proof: Proof }>;
  /**
   * Sweeps the whole disk for files of former holders and removes them; may take minutes, and a later step ends it.
   * @param keep the reservation whose account is there now
   * @returns how many uids it looked for
   */
  sweep(target: Target, generation: number, keep: string | null): Promise<number>;
}

/** The uids that a pool gives to its accounts, both included. */
export interface UidRange {
  first: number;
  last: number;
}

const script = (name: string) => readFileSync(new URL(`./scripts/${name}.sh`, import.meta.url), "utf8");

/** What runs on machines; read at the first step, since a process that reaches no machine may not be allowed to read files. */
function readScripts() {
  const fence = script("fence");
  const files = script("files");
  const facts = script("facts");
  return {
    look: facts + script("look"),
    create: fence + script("names") + script("create"),
    extend: fence + script("extend"),
    clean: fence + script("processes") + files + script("remove") + facts + script("clean"),
    sweep: fence + files + script("sweep"),
  };
}
type Scripts = ReturnType<typeof readScripts>;

/** The last line decides: `expected`, or FAIL and why. Anything else means unknown. */
function answer(reply: Reply, expected: string, uids: UidRange): string {
  const last = reply.lines.at(-1) ?? "";
  if (last === expected || last.startsWith(`${expected} `)) return last.slice(expected.length).trim();
  const [, kind, text] = /^FAIL (\S+) ?(.*)$/s.exec(last) ?? [];
  if (kind && isFaultKind(kind))
    throw new MachineFault(kind, faultText(kind, text ?? ""), uidIn(uids, text ?? ""));
  throw new MachineFault("timeout", "the step ended with an answer that we don't recognise");
}

/** Reads a uid that a machine reports. @returns 0 for one that the pool can't have given it */
function uidIn({ first, last }: UidRange, text: string): number {
  const uid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return uid >= first && uid <= last ? uid : 0;
}

/** Reads a number that a machine reports; anything else is not an answer. */
function count(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new MachineFault("timeout", "the step ended with an answer that we don't recognise");
  return Number(text);
}

const identityOf = (text: string) => (/^[0-9a-f]{32}$/.test(text) ? text : null);

function faultText(kind: MachineFault["kind"], text: string): string {
  if (kind === "fenced") return `the machine has seen a later step (${text})`;
  if (kind === "uid_taken")
    return `the uid is taken on the machine; the highest that it was given is ${text}`;
  return text;
}

/**
 * Accounts over SSH.
 * @param concurrency steps at once in this process
 * @param connectSeconds limit for connect, handshake and login
 * @param rules where a machine may live
 * @param stepSeconds limit for a step on a machine
 * @param uids the range for its accounts
 */
export function accountsOverSsh(
  concurrency: number,
  connectSeconds: number,
  rules: AddressRules = { networks: [], ownPorts: [], ownHosts: [] },
  stepSeconds = 30,
  uids: UidRange = { first: 20_000, last: 59_999 },
): Accounts {
  const limits: Limits = { connectSeconds, stepSeconds };
  const sweepLimits: Limits = { connectSeconds, stepSeconds: 900 };
  const turn = limit(concurrency);
  let read: Scripts | undefined;
  const scripts = () => (read ??= readScripts());
  const fenced = (generation: number) => `${generation} ${uids.first} ${uids.last}`;
  const step = (target: Target, name: keyof Scripts, input: string[], signal?: AbortSignal) =>
    turn(async () => {
      const host = await addressOf(target.host, target.port, rules, connectSeconds);
      return runScript(
        { ...target, host },
        scripts()[name],
        input,
        name === "sweep" ? sweepLimits : limits,
        signal,
      );
    });

  return {
    longestSeconds: 2 * limits.connectSeconds + limits.stepSeconds + 2,
    async look(target, signal) {
      const reply = await step(target, "look", [], signal);
      let ready: string;
      try {
        ready = answer(reply, "READY", uids);
      } catch (error) {
        if (!(error instanceof MachineFault)) throw error;
        throw new MachineFault(error.kind, error.message, 0, reply.hostKey);
      }
      const [accounts = "", identity = ""] = ready.split(" ");
      return {
        hostKey: reply.hostKey,
        accounts: count(accounts),
        identity: identityOf(identity),
        facts: factsIn(reply.lines),
      };
    },
    shownHostKey: (target) =>
      turn(async () => {
        const host = await addressOf(target.host, target.port, rules, connectSeconds);
        return shownHostKey({ ...target, host }, connectSeconds);
      }),
    async create(target, generation, { username, uid, mark }, credential, seconds, signal) {
      const secret = credential.kind === "password" ? [credential.password] : [...credential.keys, "."];
      const input = [fenced(generation), `${uid} ${username} ${mark} ${seconds}`, credential.kind, ...secret];
      answer(await step(target, "create", input, signal), `MADE ${username} ${uid}`, uids);
    },
    async extend(target, generation, { username, uid, mark }, seconds) {
      const input = [fenced(generation), `${uid} ${username} ${mark} ${seconds}`];
      answer(await step(target, "extend", input), `EXTENDED ${username} ${uid}`, uids);
    },
    async clean(target, generation, holder, signal) {
      const who = holder ? `${holder.uid} ${holder.username} ${holder.mark}` : "0 - -";
      const reply = await step(target, "clean", [fenced(generation), who], signal);
      // Without the identity that follows: another machine could pretend to be this one.
      const said = holder ? `CLEAN ${holder.username} ${holder.uid}` : "CLEAN - 0";
      const identity = identityOf(answer(reply, said, uids));
      return { identity, facts: factsIn(reply.lines), proof: { said, counts: countsIn(reply.lines) } };
    },
    async sweep(target, generation, keep) {
      return count(answer(await step(target, "sweep", [fenced(generation), keep ?? "-"]), "SWEPT", uids));
    },
  };
}
