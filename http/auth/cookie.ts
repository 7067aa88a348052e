import { createHash } from "node:crypto";
import { sameSecret } from "../../pool/identity/principal.ts";
import { HttpProblem } from "../problem.ts";
import { isCrossSite } from "./origin.ts";

/** The prefix makes browsers take it from this host alone, over TLS (https://www.rfc-editor.org/rfc/rfc6265bis). */
const NAME = "__Host-machine_manager";
const FLAGS = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** `Set-Cookie` for a new session; the browser forgets it when it is closed. */
export const cookieFor = (secret: string) => `${NAME}=${secret}; ${FLAGS}`;
export const NO_COOKIE = `${NAME}=; ${FLAGS}; Max-Age=0`;

/** What our cookie holds, when it may be one of ours. */
export function secretIn({ headers }: Request): string | undefined {
  for (const one of (headers.get("cookie") ?? "").split(";")) {
    const [name, value = ""] = one.trim().split("=");
    if (name === NAME && /^[\w-]{43}$/.test(value)) return value;
  }
  return undefined;
}

/** What a page of ours sends along with a change. Whoever knows it does not know the cookie: it is a hash of that. */
export const csrfOf = (secret: string) => createHash("sha256").update(`csrf ${secret}`).digest("base64url");

/**
 * A browser sends the cookie whoever made it ask, so a change takes more: our own page as the origin, and a header that
 * only somebody who read an answer of ours can fill in.
 * @throws HttpProblem csrf
 */
export function checkCsrf(request: Request, secret: string): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const given = request.headers.get("x-csrf-token");
  if (given === null || isCrossSite(request.headers) || !sameSecret(given, csrfOf(secret)))
    throw new HttpProblem(
      "csrf",
      "A change with a session needs the header X-CSRF-Token, as GET /session tells it, from a page of this site",
    );
}
