import { invalid } from "../pool/errors.ts";
import { HttpProblem } from "./problem.ts";

const MOST_BYTES = 64 * 1024;

/** Deeper than anything we accept. A body nested a thousand times costs a schema checker seconds and gigabytes. */
const DEEPEST = 8;

/**
 * Refuses what none of our schemas accept but what would trip the code that checks or copies it.
 * @throws PoolError, HttpProblem
 */
function tame(value: unknown, depth = 0, name = "body"): void {
  // Half a character: programs disagree on its bytes, so a password with one would work here and fail there.
  if (typeof value === "string" && !value.isWellFormed())
    throw invalid(name, "is not well-formed text (half a character)");
  if (typeof value !== "object" || value === null) return;
  if (depth === DEEPEST) throw new HttpProblem("invalid_json", "The body is nested too deeply");
  // Elysia copies bodies by assignment: this field became the copy's prototype, and its fields were taken as sent.
  if (Object.hasOwn(value, "__proto__")) throw invalid("__proto__", "unknown field");
  // `{"toString":false}` can't be converted to text, which Elysia does with every value it refuses: that threw.
  if (Object.hasOwn(value, "toString"))
    Object.defineProperty(value, Symbol.toPrimitive, { value: () => "[object]" });
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) throw invalid(name, "a field's name is not well-formed text");
    tame(inner, depth + 1, Array.isArray(value) ? name : key.replace(/[^\w.-]/g, "?").slice(0, 64));
  }
}

/**
 * Reads a request's body: JSON of at most 64 KiB, and nothing else. A route that takes no body ignores it, but a form or
 * a file is refused there as everywhere.
 * @throws HttpProblem unsupported_media_type, body_too_large, invalid_json; PoolError invalid_request
 */
export async function readJson(request: Request): Promise<unknown> {
  // Where one is required, the route's schema says so.
  if (request.body === null) return undefined;
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  const tooLarge = () => new HttpProblem("body_too_large", "The body is larger than 64 KiB");
  if (type === "application/json" && Number(request.headers.get("content-length") ?? 0) > MOST_BYTES)
    throw tooLarge();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body) {
    if (part.byteLength > 0 && type !== "application/json")
      throw new HttpProblem(
        "unsupported_media_type",
        "Send JSON, with the header Content-Type: application/json",
      );
    size += part.byteLength;
    if (size > MOST_BYTES) throw tooLarge();
    parts.push(part);
  }
  // An empty body, of whatever type, is none; null, since with undefined Elysia would read it again.
  if (size === 0) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
  } catch {
    throw new HttpProblem("invalid_json", "The body is not valid JSON");
  }
  tame(value);
  return value;
}
