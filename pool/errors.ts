/** Why the pool refuses or fails; http/codes.ts has the status of each. */
export type PoolErrorKind =
  | "invalid_request"
  | "not_enough_machines"
  | "never_enough"
  | "admins_only"
  | "machines_unreachable"
  | "username_taken"
  | "account_refused"
  | "machine_exists"
  | "address_taken"
  | "machine_not_found"
  | "machine_held"
  | "reservation_not_found"
  | "cannot_extend"
  | "reservation_not_active"
  | "reservation_not_over"
  | "conflict"
  | "series_not_found"
  | "reservation_lost"
  | "no_uid_free"
  | "idempotency_key_reused"
  | "reservation_over"
  | "still_preparing"
  | "outcome_unknown"
  | "user_exists"
  | "user_not_found"
  | "token_not_found"
  | "account_name_not_allowed"
  | "limit_reached"
  | "login_failed"
  | "too_many_logins";

/** What a client may read by machine, beside the words. */
export interface Detail {
  field: string;
  message: string;
  /** where in the field's text, from 1 */
  column?: number;
  /** of the occurrence that is meant */
  starts_at?: string;
  /** when it could start instead */
  next_at?: string;
  /** the nearest starts that could be instead */
  nearest?: string[];
  /** the longest possible end */
  until?: string;
}

/** Why the pool can't do what it was asked to. `kind` and not `code`: Elysia reads `code` and `status` off thrown objects. */
export class PoolError extends Error {
  readonly kind: PoolErrorKind;
  readonly details: Detail[];
  /** when to try again, in seconds, if known */
  readonly retryAfter: number | undefined;
  constructor(kind: PoolErrorKind, message: string, details: Detail[] = [], retryAfter?: number) {
    super(message);
    this.kind = kind;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** An error as a log or a record may have it: other errors' messages may contain a statement with its parameters. */
export const inWords = (error: unknown): string =>
  error instanceof PoolError ? error.message : error instanceof Error ? error.name : "unknown";

/** Bad input: names the field. */
export function invalid(field: string, message: string): PoolError {
  return new PoolError("invalid_request", `${field}: ${message}`, [{ field, message }]);
}
