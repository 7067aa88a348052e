import { Elysia } from "elysia";
import { isLoopback } from "../../config.ts";
import { withParts } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import { isHealthCheck, isPage } from "./open.ts";

/** "localhost:8443" → localhost, "[::1]:443" → ::1 */
const nameOf = (host: string) => host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

/**
 * Whether the browser says that another site's page made the request (Fetch Metadata,
 * https://www.w3.org/TR/fetch-metadata/).
 */
export function isCrossSite(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const foreignOrigin = origin !== null && URL.parse(origin)?.host !== headers.get("host");
  return (site !== null && site !== "same-origin" && site !== "none") || foreignOrigin;
}

/** @throws HttpProblem cross_site */
export function refuseCrossSite({ request }: { request: Request }): void {
  if (isCrossSite(request.headers))
    throw new HttpProblem("cross_site", "Another site's web page may not use this API");
}

/**
 * An API that is open on this machine must not be open to the web pages its user visits. Without a token, a request that
 * a browser sent for another site is refused, and so is one for a host name that is not this machine's (DNS rebinding).
 */
export const withOrigin = new Elysia({ name: "origin" }).use(withParts).onRequest(({ parts, request }) => {
  if (parts().adminToken || isHealthCheck(request) || isPage(request)) return;
  const host = request.headers.get("host");
  if (host && !isLoopback(nameOf(host)))
    throw new HttpProblem(
      "foreign_host",
      "Without ADMIN_TOKEN this API only answers on localhost; use https://localhost, or set ADMIN_TOKEN",
    );
  refuseCrossSite({ request });
});
