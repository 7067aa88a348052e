import { Column, is, type SQL, sql } from "drizzle-orm";
import { invalid } from "./errors.ts";

/**
 * Which part of a list to return: what comes after a row's key. Counting rows instead would repeat or skip some when
 * others are added or removed between two pages.
 */
export interface PageInput {
  /** the maximum number of rows */
  limit: number;
  /** `next` of the page before; undefined: from the beginning */
  after?: string[] | undefined;
}

export interface Page<T> {
  rows: T[];
  /** undefined: this is the last one */
  next: string[] | undefined;
}

/**
 * A condition: only rows that come after a key.
 * @param columns by which the list is sorted, all in one direction
 * @param parse turns the key's parts into the columns' types, where those aren't text; an invalid value is refused
 * @throws PoolError invalid_request for a key of another list
 */
export function isAfter(
  columns: (Column | SQL)[],
  key: string[] | undefined,
  { descending = false, parse = (parts: string[]): unknown[] => parts } = {},
): SQL | undefined {
  if (key === undefined) return undefined;
  const values = parse(key);
  const good = (value: unknown) => typeof value === "string" || Number.isFinite(Number(value));
  if (key.length !== columns.length || !values.every(good))
    throw invalid("cursor", "is not a cursor from this list");
  const bound = values.map((value, i) => {
    const column = columns[i];
    return is(column, Column) ? sql.param(value, column) : sql`${value}`;
  });
  return sql`(${sql.join(columns, sql`, `)}) ${descending ? sql`<` : sql`>`} (${sql.join(bound, sql`, `)})`;
}

/** @param rows one more than the limit, if there are that many */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => string[]): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { rows: rows.slice(0, limit), next: last && keyOf(last) };
}
