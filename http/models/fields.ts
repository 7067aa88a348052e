import { t } from "elysia";

/** One of several words, for responses. (Without the `undefined`, an omitted field would default to the first one.) */
export const oneOf = <const Words extends readonly [string, ...string[]]>(
  words: Words,
  description: string,
) => t.UnionEnum(words, { description, default: undefined });

/** A point in time in UTC (RFC 3339). */
export const time = (description: string) => t.String({ format: "date-time", description });
