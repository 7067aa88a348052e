import { Elysia } from "elysia";
import { config, isLoopback } from "../config.ts";
import { HttpProblem } from "./errors.ts";
import { isOpen } from "./user.ts";

/** "localhost:8443" → localhost, "[::1]:443" → ::1 */
const nameOf = (host: string) => host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");

/**
 * Open on this machine is no open door for web pages that its user looks at: without a token, a request that a
 * browser sent for another site is refused (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/), and so is one
 * for a host name that is not this machine's: that name was pointed here by somebody (DNS rebinding).
 */
export const withOrigin = new Elysia({ name: "origin" }).onRequest(({ request }) => {
  if (config().adminToken || isOpen(new URL(request.url).pathname)) return;
  const { headers } = request;
  const host = headers.get("host");
  if (host && !isLoopback(nameOf(host)))
    throw new HttpProblem(
      403,
      "foreign_host",
      "Without ADMIN_TOKEN this API answers to localhost only; use https://localhost, or set ADMIN_TOKEN",
    );
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const foreignOrigin = origin !== null && URL.parse(origin)?.host !== host;
  if ((site !== null && site !== "same-origin" && site !== "none") || foreignOrigin)
    throw new HttpProblem(403, "cross_site", "A web page of another site may not use this API");
});
