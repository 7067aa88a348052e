import type { Deps } from "../deps.ts";
import { secretIn } from "./auth/cookie.ts";
import { contentOf } from "./file.ts";

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
    const html = new TextDecoder().decode(contentOf(url));
    return new Response(open ? html.replace("<html ", "<html data-open ") : html, {
      headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache" },
    });
  };
