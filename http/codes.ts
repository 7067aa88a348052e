import type { PoolErrorKind } from "../pool/errors.ts";

/** Refusals and failures of the pool. A kind without a status does not compile. */
const OF_THE_POOL = {
  invalid_request: 400,
  not_enough_machines: 409,
  never_enough: 409,
  admins_only: 403,
  machines_unreachable: 503,
  username_taken: 409,
  account_refused: 409,
  machine_exists: 409,
  address_taken: 409,
  machine_not_found: 404,
  machine_held: 409,
  reservation_not_found: 404,
  cannot_extend: 409,
  reservation_not_active: 409,
  reservation_not_over: 409,
  conflict: 409,
  series_not_found: 404,
  reservation_lost: 503,
  no_uid_free: 503,
  idempotency_key_reused: 409,
  reservation_over: 409,
  still_preparing: 503,
  outcome_unknown: 504,
  user_exists: 409,
  user_not_found: 404,
  token_not_found: 404,
  account_name_not_allowed: 403,
  limit_reached: 403,
  login_failed: 401,
  too_many_logins: 429,
} as const satisfies Record<PoolErrorKind, number>;

/** Requests refused before they reach the pool, and failures around it. */
const OF_HTTP = {
  bad_request: 400,
  invalid_json: 400,
  unauthorized: 401,
  forbidden: 403,
  csrf: 403,
  cross_site: 403,
  foreign_host: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal_error: 500,
  database_unavailable: 503,
} as const;

/** Errors that nginx sends itself, in the same form (nginx/site.conf.template). */
const OF_NGINX = {
  bad_request: 400,
  request_timeout: 408,
  body_too_large: 413,
  too_many_requests: 429,
  upstream_unavailable: 503,
} as const;

/** Every `code` a client can receive, with its HTTP status. */
export const STATUS_OF = { ...OF_THE_POOL, ...OF_HTTP, ...OF_NGINX };

export type Code = keyof typeof STATUS_OF;
export type HttpCode = keyof typeof OF_HTTP;
