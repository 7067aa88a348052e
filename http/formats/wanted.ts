import { invalid } from "../../pool/errors.ts";
import { queryOf } from "../address.ts";
import { weightOf } from "./accept.ts";

/** What a list can be downloaded as, besides JSON. */
const TYPES = { csv: "text/csv", jsonl: "application/jsonl" } as const;
export type Download = keyof typeof TYPES;

/**
 * The format that a request asks for: by `format`, or else by `Accept`.
 * @param offered those that this list can be downloaded as
 * @returns undefined: JSON
 * @throws PoolError invalid_request if it asks for a page of a download
 */
export function wantedIn<D extends Download>(
  format: D | "json" | undefined,
  request: Request,
  offered: readonly D[],
): D | undefined {
  const wanted = format === undefined ? accepted(request, offered) : format;
  if (wanted === "json") return undefined;
  const query = new URLSearchParams(queryOf(request));
  for (const page of ["limit", "cursor"])
    if (query.has(page)) throw invalid(page, "not for a download, which has all rows at once");
  return wanted;
}

function accepted<D extends Download>({ headers }: Request, offered: readonly D[]): D | "json" {
  const accept = headers.get("accept") ?? "";
  let [best, most]: [D | "json", number] = ["json", weightOf("application/json", accept)];
  for (const one of offered) {
    const weight = weightOf(TYPES[one], accept);
    if (weight > most) [best, most] = [one, weight];
  }
  return best;
}

/** The headers of a download. @param name of the file, without its ending */
export const headersOf = (format: Download, name: string): Record<string, string> => ({
  "Content-Type": `${TYPES[format]}; charset=utf-8`,
  "Content-Disposition": `attachment; filename="${name}.${format}"`,
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  Vary: "Accept",
});
