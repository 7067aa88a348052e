/** What can go wrong on a machine. `uid_taken`: the uid was given on the machine before, or belongs to the machine itself. */
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

/** Whether a machine, or a row, names a kind of fault that we know. */
export function isFaultKind(text: string): text is FaultKind {
  return KINDS.has(text);
}

/** A step on a machine failed, or its outcome is unknown (`timeout`, `unreachable`). */
export class MachineFault extends Error {
  readonly kind: FaultKind;
  /** with uid_taken: the highest uid ever given on the machine */
  readonly highestUid: number;
  /** the key of the host that answered, "type base64"; "" if it didn't get that far */
  readonly hostKey: string;
  constructor(kind: FaultKind, message: string, highestUid = 0, hostKey = "") {
    super(printable(message, 300));
    this.kind = kind;
    this.highestUid = highestUid;
    this.hostKey = hostKey;
  }
}

/** A machine is not trusted: its text is truncated, and stripped of what could control a terminal or fake a log line. */
export function printable(text: string, most: number): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim()
    .slice(0, most);
}
