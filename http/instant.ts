import { invalid } from "../pool/errors.ts";

const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/i;

/** What the database can store, with room for what is reckoned from it. */
const [EARLIEST, LATEST] = [Date.UTC(1970), Date.UTC(9999)];

/**
 * Reads an instant with an offset (RFC 3339; seconds may be left out).
 * @param field its name, for the error
 * @throws PoolError invalid_request; without an offset, it would mean another time to each reader
 */
export function instantOf(field: string, text: string): Date {
  const upper = text.toUpperCase();
  // Date.parse alone takes 31 February for 3 March.
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})/.exec(upper) ?? [];
  const daysOfMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const at = FORM.test(text) && Number(day) <= daysOfMonth ? Date.parse(upper) : Number.NaN;
  if (Number.isNaN(at))
    throw invalid(
      field,
      "must be an instant with an offset, such as 2026-09-02T13:00:00Z or 2026-09-02T15:00+02:00",
    );
  if (at < EARLIEST || at >= LATEST) throw invalid(field, "must lie in the years 1970 to 9998");
  return new Date(at);
}
