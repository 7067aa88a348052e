export const POOL_ERROR_KINDS = [
  "invalid_request",
  "not_enough_machines",
  "machines_unreachable",
  "username_taken",
  "account_refused",
  "machine_exists",
  "address_taken",
  "machine_not_found",
  "machine_held",
  "reservation_not_found",
  "reservation_lost",
  "no_uid_free",
  "idempotency_key_reused",
  "reservation_over",
  "still_preparing",
  "outcome_unknown",
  "user_exists",
  "user_not_found",
  "token_not_found",
  "account_name_not_allowed",
  "limit_reached",
  "login_failed",
  "too_many_logins",
] as const;

export type PoolErrorKind = (typeof POOL_ERROR_KINDS)[number];

/** A input that the pool can't fulfil. `kind` and not `code`: Elysia reads `code` and `status` off thrown objects. */
export class PoolError extends Error {
  readonly kind: PoolErrorKind;
  readonly details: { field: string; message: string }[];
  /** seconds after which it makes sense to try again, where that is known */
  readonly retryAfter: number | undefined;
  constructor(
    kind: PoolErrorKind,
    message: string,
    details: { field: string; message: string }[] = [],
    retryAfter?: number,
  ) {
    super(message);
    this.kind = kind;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** Bad input, with the field named. */
export function invalid(field: string, message: string): PoolError {
  return new PoolError("invalid_request", `${field}: ${message}`, [{ field, message }]);
}
