import { createHash } from "node:crypto";
import { sameSecret } from "../../pool/identity/principal.ts";
import { HttpProblem } from "../problem.ts";
import { isCrossSite } from "./origin.ts";

/**
 * The prefix makes browsers accept it from this host only, and only over TLS
 * (https://www.rfc-editor.org/rfc/rfc6265bis).
 */
const NAME = "__Host-machine_manager";
const FLAGS = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** `Set-Cookie` for a new session; browsers drop it when they close. */
export const cookieFor = (secret: string) => `${NAME}=${secret}; ${FLAGS}`;
export const NO_COOKIE = `${NAME}=; ${FLAGS}; Max-Age=0`;

/** The value of our cookie, if it looks like one of ours. */
export function secretIn({ headers }: Request): string | undefined {
  for (const one of (headers.get("cookie") ?? "").split(";")) {
    const [name, value = ""] = one.trim().split("=");
    if (name === NAME && /^[\w-]{43}$/.test(value)) return value;
  }
  return undefined;
}

/** What our pages send with every change. It is a hash of the cookie, so knowing it does not reveal the cookie. */
export const csrfOf = (secret: string) => createHash("sha256").update(`csrf ${secret}`).digest("base64url");

/**
 * A browser sends the cookie no matter which site triggered the request, so a change needs more: our own page as the
 * origin, and a header that only a page that has read one of our answers can fill in.
 * @throws HttpProblem csrf
 */
export function checkCsrf(request: Request, secret: string): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const given = request.headers.get("x-csrf-token");
  if (given === null || isCrossSite(request.headers) || !sameSecret(given, csrfOf(secret)))
    throw new HttpProblem(
      "csrf",
      "A change made with a session needs the header X-CSRF-Token (GET /session returns it), sent from a page of this site",
    );
}
