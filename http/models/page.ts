import { t } from "elysia";
import { invalid } from "../../pool/errors.ts";
import type { Page, PageInput } from "../../pool/page.ts";
import { pathOf, queryOf } from "../address.ts";

/** No list answers more at once. */
const MOST = 1000;
/** The seed's lists are whole up to here; the others begin with what a screen holds. */
export const WHOLE = MOST;
const USUAL = 100;

/** What every list takes. @param usual how many rows there are without `limit` */
export const pageQuery = (usual = USUAL) => ({
  limit: t.Optional(
    t.Integer({
      title: "limit",
      minimum: 1,
      maximum: MOST,
      default: usual,
      description: `how many at most, 1 to ${MOST}`,
    }),
  ),
  cursor: t.Optional(
    t.String({
      pattern: "^[A-Za-z0-9_-]{1,512}$",
      description: "`next` of the page before: go on after it",
    }),
  ),
});

/** What every list answers beside its rows. */
export const next = t.Optional(
  t.String({
    description: "`cursor` of the next page, which the header `Link` names as well; absent on the last page",
  }),
);

/** @throws PoolError invalid_request for a cursor that no list gave */
function keyIn(cursor: string): string[] {
  try {
    const key = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(cursor, "base64url")),
    );
    if (Array.isArray(key) && key.every((part) => typeof part === "string" && part.isWellFormed()))
      return key;
  } catch {
    // not ours
  }
  throw invalid("cursor", "is not one that this list gave");
}

/** The page that a query asks for. */
export const pageIn = ({ limit = USUAL, cursor }: { limit?: number; cursor?: string }): PageInput => ({
  limit,
  after: cursor === undefined ? undefined : keyIn(cursor),
});

/** `next` as the body tells it, and as the header `Link` (RFC 8288) does: the same request with the cursor in it. */
export function nextOf(
  { next: key }: Pick<Page<unknown>, "next">,
  { request, set }: { request: Request; set: { headers: Record<string, string | number | undefined> } },
): { next?: string } {
  if (!key) return {};
  const cursor = Buffer.from(JSON.stringify(key)).toString("base64url");
  const query = new URLSearchParams(queryOf(request));
  query.set("cursor", cursor);
  set.headers.link = `<${pathOf(request)}?${query}>; rel="next"`;
  return { next: cursor };
}
