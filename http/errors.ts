import { Elysia, t, type ValidationError } from "elysia";
import { config } from "../config.ts";
import { deps } from "../deps.ts";
import { isUnavailable } from "../pool/availability.ts";
import { PoolError, type PoolErrorKind } from "../pool/errors.ts";
import { pathOf } from "./address.ts";
import { json } from "./json.ts";
import { HttpProblem } from "./problem.ts";
import { forwarded } from "./proxy.ts";

const STATUS = {
  invalid_request: 400,
  not_enough_machines: 409,
  machines_unreachable: 503,
  username_taken: 409,
  account_refused: 409,
  machine_exists: 409,
  address_taken: 409,
  machine_not_found: 404,
  machine_held: 409,
  reservation_not_found: 404,
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

const nothingHere = () =>
  new HttpProblem(
    404,
    "not_found",
    "There is nothing at this address with this method; GET /swagger lists what there is",
  );

/** For a GET that acts: Elysia would answer HEAD by the same handler, and a link's preview would reserve a machine. */
export function notOnHead({ request }: { request: Request }): void {
  if (request.method === "HEAD") throw nothingHere();
}

/** The one form of every error. */
export const Problem = t.Object(
  {
    error: t.String({ description: "a sentence that says what is wrong and what to do" }),
    code: t.String({ description: "stable, for programs" }),
    details: t.Optional(t.Array(t.Object({ field: t.String(), message: t.String() }))),
  },
  { description: "What is wrong" },
);

type Details = { field: string; message: string }[];

function problem(
  request: Request,
  status: number,
  code: string,
  error: string,
  details: Details = [],
  headers: HeadersInit = {},
) {
  answered.set(request, { status, code });
  return json({ error, code, ...(details.length > 0 ? { details } : {}) }, config().prettyJson, {
    status,
    headers,
  });
}

/** The fields that broke the schema, in words; what was sent is not repeated, since it may be a password. */
function fieldsOf(error: Readonly<ValidationError>): Details {
  const fields = new Map<string, string>();
  for (const one of error.all) {
    const { path, message, schema } = one as {
      path?: string;
      message?: string;
      schema?: { title?: string; description?: string };
    };
    const place = path
      ?.replace(/^\//, "")
      .replaceAll("/", ".")
      .replace(/[^\w.-]/g, "?")
      .slice(0, 64);
    const field = place || schema?.title || error.type;
    const unknown = /unexpected property/i.test(message ?? "");
    const words = unknown
      ? "unknown field"
      : /required/i.test(message ?? "")
        ? "is required"
        : (schema?.description ?? message);
    if (!fields.has(field)) fields.set(field, words ?? "bad value");
  }
  return [...fields].map(([field, message]) => ({ field, message }));
}

const waitFor = (seconds: number | undefined): Record<string, string> =>
  seconds === undefined ? {} : { "Retry-After": `${seconds}` };

const ids = new WeakMap<Request, string>();

/** The id that nginx gave the request, or one of our own. */
export function requestId(request: Request): string {
  const known = ids.get(request);
  if (known) return known;
  const given = forwarded(request, "x-request-id") ?? "";
  const id = /^[\w-]{8,64}$/.test(given) ? given : crypto.randomUUID();
  ids.set(request, id);
  return id;
}

const answered = new WeakMap<Request, { status: number; code: string }>();

/** The error that a request was answered with; undefined: none. */
export const errorOf = (request: Request) => answered.get(request);

/** Turns whatever a route threw into our error form. */
export const withErrors = new Elysia({ name: "errors" })
  .error({ PoolError, HttpProblem })
  .onError({ as: "global" }, ({ code, error: thrown, request }) => {
    // Elysia wraps what a parser throws.
    const error =
      code === "PARSE" && (thrown.cause instanceof HttpProblem || thrown.cause instanceof PoolError)
        ? thrown.cause
        : thrown;
    if (error instanceof PoolError) {
      const answer = STATUS[error.kind];
      const wait = waitFor(error.retryAfter ?? (answer === 503 ? 5 : undefined));
      return problem(request, answer, error.kind, error.message, error.details, wait);
    }
    if (error instanceof HttpProblem) {
      const challenge = error.answer === 401 ? { "WWW-Authenticate": "Bearer" } : {};
      return problem(request, error.answer, error.kind, error.message, [], {
        ...challenge,
        ...waitFor(error.retryAfter),
      });
    }
    if (isUnavailable(error))
      return problem(
        request,
        503,
        "database_unavailable",
        "The database does not answer; try again in a moment",
        [],
        {
          "Retry-After": "2",
        },
      );
    if (code === "VALIDATION" && (error as ValidationError).type !== "response") {
      const details = fieldsOf(error as ValidationError);
      const text = details.map(({ field, message }) => `${field}: ${message}`).join("; ");
      return problem(request, 400, "invalid_request", text, details);
    }
    if (code === "PARSE") return problem(request, 400, "invalid_json", "The body is not valid JSON");
    if (code === "NOT_FOUND") {
      const { answer, kind, message } = nothingHere();
      return problem(request, answer, kind, message);
    }
    const id = requestId(request);
    const reason =
      error instanceof Error
        ? error.cause instanceof Error
          ? error.cause.message
          : error.message
        : "unknown";
    deps().log("error", "unexpected error", {
      request: id,
      path: pathOf(request),
      reason: reason.slice(0, 300),
    });
    return problem(
      request,
      500,
      "internal_error",
      `Something went wrong on our side; the log has more under request ${id}`,
    );
  });
