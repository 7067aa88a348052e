import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Deps } from "../deps.ts";
import { secretIn } from "./auth/cookie.ts";

/**
 * One of our pages. If no login is needed, its root element has `data-open`, so that its script doesn't ask who is logged
 * in only to get a 401.
 * @param url of the file, from `import.meta.resolve`
 */
export const page =
  (url: string) =>
  ({ parts, request }: { parts: () => Deps; request: Request }): Response => {
    // An open API honours sessions too, and then the page shows who is logged in.
    const open = parts().adminToken === "" && secretIn(request) === undefined;
    const html = readFileSync(fileURLToPath(url), "utf8");
    return new Response(open ? html.replace("<html ", "<html data-open ") : html, {
      headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache" },
    });
  };
