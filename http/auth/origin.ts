import { Elysia } from "elysia";
import { isLoopback } from "../../config.ts";
import { withParts } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import { isPage, isSign } from "./open.ts";

/** "localhost:8443" → localhost, "[::1]:443" → ::1 */
const nameOf = (host: string) => host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

/** Whether a browser says that a page of another site made it ask (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/). */
export function isCrossSite(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const foreignOrigin = origin !== null && URL.parse(origin)?.host !== headers.get("host");
  return (site !== null && site !== "same-origin" && site !== "none") || foreignOrigin;
}

/** @throws HttpProblem cross_site */
export function refuseCrossSite({ request }: { request: Request }): void {
  if (isCrossSite(request.headers))
    throw new HttpProblem("cross_site", "A web page of another site may not use this API");
}

/**
 * Open on this machine is no open door for web pages that its user looks at: without a token, a request that a
 * browser sent for another site is refused, and so is one for a host name that is not this machine's: that name was
 * pointed here by somebody (DNS rebinding).
 */
export const withOrigin = new Elysia({ name: "origin" }).use(withParts).onRequest(({ parts, request }) => {
  if (parts().adminToken || isSign(request) || isPage(request)) return;
  const host = request.headers.get("host");
  if (host && !isLoopback(nameOf(host)))
    throw new HttpProblem(
      "foreign_host",
      "Without ADMIN_TOKEN this API answers to localhost only; use https://localhost, or set ADMIN_TOKEN",
    );
  refuseCrossSite({ request });
});
