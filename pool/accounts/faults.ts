/** What can go wrong on a machine. `uid_taken`: the machine has given that uid before, or has it of its own. */
export type FaultKind =
  | "unreachable"
  | "auth"
  | "host_key"
  | "forbidden_address"
  | "duplicate"
  | "foreign_account"
  | "leftovers"
  | "fenced"
  | "timeout"
  | "unsupported"
  | "failed"
  | "uid_taken"
  | "refused";

const KINDS: ReadonlySet<string> = new Set<FaultKind>([
  "unreachable",
  "auth",
  "host_key",
  "forbidden_address",
  "duplicate",
  "foreign_account",
  "leftovers",
  "fenced",
  "timeout",
  "unsupported",
  "failed",
  "uid_taken",
  "refused",
]);

export function isFaultKind(text: string): text is FaultKind {
  return KINDS.has(text);
}

/** A step on a machine failed, or nobody knows how it ended (`timeout`, `unreachable`). */
export class MachineFault extends Error {
  readonly kind: FaultKind;
  /** with uid_taken: the highest uid that was ever given on the machine */
  readonly highestUid: number;
  /** the key of whoever answered, "type base64", when it came so far; "" when not */
  readonly hostKey: string;
  constructor(kind: FaultKind, message: string, highestUid = 0, hostKey = "") {
    super(printable(message, 300));
    this.kind = kind;
    this.highestUid = highestUid;
    this.hostKey = hostKey;
  }
}

/** A machine is not trusted: its words are bounded and lose what could steer a terminal or fake a log line. */
export function printable(text: string, most: number): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim()
    .slice(0, most);
}
