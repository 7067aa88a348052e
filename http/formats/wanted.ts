import { weightOf } from "./accept.ts";

/** What a list can be downloaded as, besides JSON. */
const TYPES = { csv: "text/csv", jsonl: "application/jsonl" } as const;
export type Download = keyof typeof TYPES;

/**
 * The format that a request asks for: by `format`, or else by `Accept`.
 * @param offered those that this list can be downloaded as
 * @returns undefined: JSON
 */
export function wantedIn<D extends Download>(
  format: D | "json" | undefined,
  { headers }: Request,
  offered: readonly D[],
): D | undefined {
  if (format !== undefined) return format === "json" ? undefined : format;
  const accept = headers.get("accept") ?? "";
  let [best, most]: [D | undefined, number] = [undefined, weightOf("application/json", accept)];
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
