import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Deps } from "../deps.ts";
import { secretIn } from "./auth/cookie.ts";

/**
 * A page of ours. When no login is needed its root element says so (`data-open`), so that its script need not ask who is
 * logged in, and be told 401.
 * @param url where the file is, as `import.meta.resolve` tells it
 */
export const page =
  (url: string) =>
  ({ parts, request }: { parts: () => Deps; request: Request }): Response => {
    // A session counts in an open API as well, and then the page has somebody to name.
    const open = parts().config.adminToken === "" && secretIn(request) === undefined;
    const html = readFileSync(fileURLToPath(url), "utf8");
    return new Response(open ? html.replace("<html ", "<html data-open ") : html, {
      headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache" },
    });
  };
