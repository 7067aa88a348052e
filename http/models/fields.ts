import { t } from "elysia";

/** One of some words, in an answer. (In a body it would make the first one the default of a field that was left out.) */
export const oneOf = <const Words extends readonly [string, ...string[]]>(
  words: Words,
  description: string,
) => t.UnionEnum(words, { description, default: undefined });

/** A moment in UTC, as RFC 3339 writes it. */
export const time = (description: string) => t.String({ format: "date-time", description });
