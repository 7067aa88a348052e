import { t } from "elysia";
import { invalid } from "../../pool/errors.ts";
import type { Page, PageInput } from "../../pool/page.ts";
import { pathOf, queryOf } from "../address.ts";

/** The most rows that any list returns at once. */
const MOST = 1000;
/** The seed's lists are complete up to this size; the others return what fits on a screen. */
export const WHOLE = MOST;
const USUAL = 100;

/** The parameters of every list. @param usual rows returned without `limit` */
export const pageQuery = (usual = USUAL) => ({
  limit: t.Optional(
    t.Integer({
      title: "limit",
      minimum: 1,
      maximum: MOST,
      default: usual,
      description: `the most to return, 1 to ${MOST}`,
    }),
  ),
  cursor: t.Optional(
    t.String({
      pattern: "^[A-Za-z0-9_-]{1,512}$",
      description: "`next` from the previous page, to continue after it",
    }),
  ),
});

/** What every list returns besides its rows. */
export const next = t.Optional(
  t.String({
    description: "`cursor` for the next page, also in the `Link` header; absent on the last page",
  }),
);

/** The name of the list that a request is for. */
const listOf = (request: Request) => pathOf(request).replace(/\/$/, "");

/**
 * The key in a cursor, after the name of its list: another list's key would skip rows without a word.
 * @throws PoolError invalid_request for a cursor that this list never returned
 */
function keyIn(cursor: string, list: string): string[] {
  try {
    const [its, ...key]: string[] = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(cursor, "base64url")),
    );
    if (its === list && key.every((part) => typeof part === "string" && part.isWellFormed())) return key;
  } catch {
    // not ours
  }
  throw invalid("cursor", "is not a cursor from this list");
}

/** The page requested by a query. */
export const pageIn = (
  { limit = USUAL, cursor }: { limit?: number; cursor?: string },
  request: Request,
): PageInput => ({
  limit,
  after: cursor === undefined ? undefined : keyIn(cursor, listOf(request)),
});

/** `next` for the body, and sets the `Link` header (RFC 8288): the same request with the cursor in it. */
export function nextOf(
  { next: key }: Pick<Page<unknown>, "next">,
  { request, set }: { request: Request; set: { headers: Record<string, string | number | undefined> } },
): { next?: string } {
  if (!key) return {};
  const cursor = Buffer.from(JSON.stringify([listOf(request), ...key])).toString("base64url");
  const query = new URLSearchParams(queryOf(request));
  query.set("cursor", cursor);
  set.headers.link = `<${pathOf(request)}?${query}>; rel="next"`;
  return { next: cursor };
}
