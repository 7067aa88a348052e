/** Thrown when the database can't be reached, or stayed too busy for as long as a caller may wait. */
export class DatabaseUnavailable extends Error {
  /** @param doubt a COMMIT was sent, and it may or may not have taken effect */
  constructor(
    cause: unknown,
    readonly doubt = false,
  ) {
    super("the database does not answer", { cause });
  }
}

/** Safe to repeat: the server undid the transaction (deadlock, lock wait, stale snapshot, Galera, read-only). */
const UNDONE = new Set([1213, 1205, 1020, 1047, 1927, 1290]);
/** The server is gone, shutting down, or full; work in progress may have taken effect. */
const GONE = new Set([
  1040, 1042, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 1021, 3, 28, 1030, 1114, 1317,
]);
const GONE_CODES =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|PROTOCOL_\w+|POOL_CLOSED)$/;

export type Trouble = "undone" | "gone" | "duplicate" | "other";

/**
 * What a thrown value means for the caller. Drizzle wraps the driver's error, so this follows causes.
 * @returns undone: repeat it; gone: read back before repeating; duplicate: a unique key refused it
 */
export function troubleOf(error: unknown): Trouble {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof DatabaseUnavailable) return "gone";
    const { errno, code } = e as { errno?: unknown; code?: unknown };
    if (typeof errno === "number" && UNDONE.has(errno)) return "undone";
    if (errno === 1062) return "duplicate";
    if (typeof errno === "number" && GONE.has(errno)) return "gone";
    if (typeof code === "string" && GONE_CODES.test(code)) return "gone";
    if (/connection is in closed state|Pool is closed/i.test(e.message)) return "gone";
  }
  return "other";
}

/** The database user lacks a right: on the database (1044), a table (1142), a column (1143), the server (1227). */
const DENIED = new Set([1044, 1142, 1143, 1227]);

function hasErrno(error: unknown, errnos: ReadonlySet<number>): boolean {
  for (let e = error; e instanceof Error; e = e.cause)
    if (errnos.has((e as { errno?: unknown }).errno as number)) return true;
  return false;
}

/** Whether the server let us in but refused the statement: somebody with more rights may change that. */
export const isDenied = (error: unknown) => hasErrno(error, DENIED);

/** Whether a table doesn't exist (yet). */
export const isMissing = (error: unknown) => hasErrno(error, new Set([1146]));

/** Whether a unique key of that name refused the write. */
export function violates(error: unknown, key: string): boolean {
  for (let e = error; e instanceof Error; e = e.cause)
    if ((e as { errno?: unknown }).errno === 1062 && e.message.includes(key)) return true;
  return false;
}
