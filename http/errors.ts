import { STATUS_CODES } from "node:http";
import { Elysia, type ValidationError } from "elysia";
import type { Deps } from "../deps.ts";
import { reasonOf } from "../log.ts";
import { isUnavailable } from "../pool/database.ts";
import { type Detail, PoolError } from "../pool/errors.ts";
import { pathOf } from "./address.ts";
import { forwarded } from "./auth/proxy.ts";
import { type Code, STATUS_OF } from "./codes.ts";
import { weightOf } from "./formats/accept.ts";
import { json } from "./json.ts";
import { withParts } from "./parts.ts";
import { HttpProblem } from "./problem.ts";

interface Answer {
  status: number;
  code: Code;
  error: string;
  details?: Detail[];
  headers?: Record<string, string>;
}

/** The fields that broke the schema, in words. Their values are not repeated, since one may be a password. */
function fieldsOf(error: Readonly<ValidationError>): Detail[] {
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

/** The request's ID from nginx, or one of our own. */
export function requestId(request: Request): string {
  const known = ids.get(request);
  if (known) return known;
  const given = forwarded(request, "x-request-id") ?? "";
  const id = /^[\w-]{8,64}$/.test(given) ? given : crypto.randomUUID();
  ids.set(request, id);
  return id;
}

const answered = new WeakMap<Request, { status: number; code: Code }>();

/** The error a request was answered with; undefined if it succeeded. */
export const errorOf = (request: Request) => answered.get(request);

function answerOf(code: string | number, error: unknown): Answer | undefined {
  if (error instanceof PoolError) {
    const status = STATUS_OF[error.kind];
    const headers = waitFor(error.retryAfter ?? (status === 503 ? 5 : undefined));
    return { status, code: error.kind, error: error.message, details: error.details, headers };
  }
  if (error instanceof HttpProblem) {
    const challenge: Record<string, string> = error.answer === 401 ? { "WWW-Authenticate": "Bearer" } : {};
    const headers = { ...challenge, ...error.headers };
    return { status: error.answer, code: error.kind, error: error.message, headers };
  }
  if (isUnavailable(error))
    return {
      status: 503,
      code: "database_unavailable",
      error: "The database is not responding; try again in a moment",
      headers: waitFor(2),
    };
  if (code === "VALIDATION" && (error as ValidationError).type !== "response") {
    const details = fieldsOf(error as ValidationError);
    const text = details.map(({ field, message }) => `${field}: ${message}`).join("; ");
    return { status: 400, code: "invalid_request", error: text, details };
  }
  if (code === "PARSE") return { status: 400, code: "invalid_json", error: "The body is not valid JSON" };
  if (code === "NOT_FOUND")
    return {
      status: 404,
      code: "not_found",
      error: "There is nothing at this address; see /swagger for what there is",
    };
  return undefined;
}

/** Whether a client asks for errors as in RFC 9457: it names that media type, and does not prefer our own form. */
function asksForProblem({ headers }: Request): boolean {
  const accept = headers.get("accept") ?? "";
  const weight = weightOf("application/problem+json", accept);
  return weight > 0 && weight >= weightOf("application/json", accept);
}

export interface Context {
  request: Request;
  parts: () => Deps;
}

/**
 * The response to a request that failed, in our own form or that of RFC 9457.
 * @param code Elysia's name for the error
 */
export function respond({ request, parts }: Context, code: string | number, thrown: unknown): Response {
  const id = requestId(request);
  const known = answerOf(code, thrown);
  const { config, log } = parts();
  if (!known)
    log("error", "unexpected error", { request: id, path: pathOf(request), reason: reasonOf(thrown) });
  const answer: Answer = known ?? {
    status: 500,
    code: "internal_error",
    error: `Something went wrong on our side; look for request ${id} in the log`,
  };
  const { status, error, details = [] } = answer;
  answered.set(request, { status, code: answer.code });
  const headers = { Vary: "Accept", ...answer.headers };
  const fields = (name: string) => (details.length > 0 ? { [name]: details } : {});
  if (!asksForProblem(request))
    return json({ error, code: answer.code, ...fields("details") }, config.http.prettyJson, {
      status,
      headers,
    });
  // With about:blank the title is the status phrase (RFC 9457, section 4.2.1).
  const title = STATUS_CODES[status] ?? "Error";
  const problem = {
    type: "about:blank",
    title,
    status,
    detail: error,
    code: answer.code,
    ...fields("errors"),
  };
  const type = "application/problem+json; charset=utf-8";
  return json(problem, config.http.prettyJson, { status, headers: { ...headers, "Content-Type": type } });
}

/** Turns whatever a route threw into an error response. */
export const withErrors = new Elysia({ name: "errors" })
  .use(withParts)
  .error({ PoolError, HttpProblem })
  .onError({ as: "global" }, ({ code, error, parts, request }) => {
    // Elysia wraps what a parser throws.
    const wrapped =
      code === "PARSE" && (error.cause instanceof HttpProblem || error.cause instanceof PoolError);
    return respond({ request, parts }, code, wrapped ? error.cause : error);
  });
