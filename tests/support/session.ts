// A browser's part, without the browser: logs in, keeps the cookie, sends what our own page would send.
import { call } from "./program.ts";

export interface Login {
  cookie: string;
  csrf: string;
}

/** The cookie's name and value in a response, as a browser sends it back. */
export const cookieIn = (headers: Headers) => headers.get("set-cookie")?.split(";")[0] ?? "";

/** Logs in. @throws Error if it is refused */
export async function logIn(at: { url: string }, input: Record<string, string>): Promise<Login> {
  const { status, headers, body } = await call(at, "POST", "/session", input);
  if (status !== 201) throw new Error(`can't log in: ${JSON.stringify(body)}`);
  return { cookie: cookieIn(headers), csrf: body.csrf };
}

/** The headers that our own page sends. */
export const withSession = ({ cookie, csrf }: Login) => ({ Cookie: cookie, "X-CSRF-Token": csrf });
