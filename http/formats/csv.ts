type Value = string | number | boolean | null | undefined;

/** A spreadsheet takes text that begins so for a formula, which may run programs: as OWASP says, an apostrophe goes before it. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** A field (RFC 4180). Empty for null and undefined. */
function fieldOf(value: Value): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return `${value}`;
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) || text !== value ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line of CSV, with its end. */
export const csvLine = (values: Value[]): string => `${values.map(fieldOf).join(",")}\r\n`;

/** Lines of CSV. @param columns the fields of each row, in their order, which are also the first line */
export const csvOf = (columns: readonly string[], rows: Record<string, Value>[]): string =>
  csvLine([...columns]) + rows.map((row) => csvLine(columns.map((name) => row[name]))).join("");
