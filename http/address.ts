import { Elysia } from "elysia";
import { invalid } from "../pool/errors.ts";
import { HttpProblem } from "./problem.ts";

/** The path of a request's URL. Unlike `new URL`, it never throws on a bad `Host` that became part of the URL. */
export function pathOf({ url }: { url: string }): string {
  const from = url.indexOf("/", url.indexOf("://") + 3);
  if (from < 0) return "/";
  const to = url.slice(from).search(/[?#]/);
  return to < 0 ? url.slice(from) : url.slice(from, from + to);
}

/** What follows the `?` in a request's URL. */
export const queryOf = ({ url }: { url: string }): string =>
  url.includes("?") ? url.slice(url.indexOf("?") + 1) : "";

/**
 * A name or an address, and a port (RFC 9110, section 7.2). No user and no percent signs, which none of our clients need.
 */
const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/;

/** @param host the value of a `Host` header; null if there was none */
export function isHost(host: string | null): boolean {
  if (host === null) return true;
  const [whole, port = "0"] = HOST.exec(host) ?? [];
  return whole !== undefined && Number(port) <= 65_535;
}

/** Whether the percent-encoded parts are valid UTF-8: half a character (%ED%A0%80) would decode differently each time. */
function isText({ url }: { url: string }): boolean {
  if (!url.includes("%")) return true;
  try {
    decodeURIComponent(url.slice(url.indexOf("/", url.indexOf("://") + 3)));
    return true;
  } catch {
    return false;
  }
}

/** A parameter that appears twice in the query: there is no telling which value was meant. */
function repeatedKey(request: { url: string }): string | undefined {
  const query = queryOf(request);
  if (!query.includes("&")) return undefined;
  const seen = new Set<string>();
  for (const name of new URLSearchParams(query).keys()) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

/**
 * Refuses a request with an impossible host, a URL that is not valid UTF-8, or a repeated parameter, before anything looks
 * at it.
 */
export const withAddress = new Elysia({ name: "address" }).onRequest(({ request }) => {
  if (!isText(request)) throw new HttpProblem("bad_request", "The URL is not percent-encoded UTF-8");
  if (!isHost(request.headers.get("host")))
    throw new HttpProblem(
      "bad_request",
      "The Host header is not a host name or address with an optional port",
    );
  const twice = repeatedKey(request);
  if (twice !== undefined)
    throw invalid(twice.replace(/[^\w.-]/g, "?").slice(0, 64), "is given more than once");
});
