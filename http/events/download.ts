import type { Deps } from "../../deps.ts";
import { countEvents, type EventFilter, type EventRow, listEvents } from "../../pool/audit/events.ts";
import { invalid } from "../../pool/errors.ts";
import { csvLine } from "../formats/csv.ts";
import { streamed } from "../formats/stream.ts";
import { headersOf } from "../formats/wanted.ts";
import { eventOf } from "../models/event.ts";

/** More than that is no longer opened by a spreadsheet, and takes a server minutes. */
export const MOST = 100_000;
const AT_ONCE = 1000;

const COLUMNS = [
  "id",
  "occurred_at",
  "actor",
  "address",
  "request_id",
  "action",
  "object",
  "details",
] as const;

const asLine = (row: EventRow) => `${JSON.stringify(eventOf(row))}\n`;
function asCsv(row: EventRow): string {
  const event = { ...eventOf(row), details: JSON.stringify(row.details) };
  return csvLine(COLUMNS.map((name) => event[name]));
}

/** The events, page by page, in text. */
async function* pages(deps: Deps, filter: EventFilter, format: "csv" | "jsonl"): AsyncGenerator<string> {
  const lineOf = format === "csv" ? asCsv : asLine;
  let after: string[] | undefined;
  let text = format === "csv" ? csvLine([...COLUMNS]) : "";
  do {
    const page = await listEvents(deps, filter, { limit: AT_ONCE, after });
    yield text + page.rows.map(lineOf).join("");
    text = "";
    after = page.next;
  } while (after);
}

/**
 * All events that match, as a file.
 * @throws PoolError invalid_request if there are too many
 */
export async function downloadOf(
  deps: Deps,
  filter: EventFilter,
  format: "csv" | "jsonl",
): Promise<Response> {
  if ((await countEvents(deps, filter, MOST)) > MOST)
    throw invalid("from", `more than ${MOST} events match; ask for a shorter time with \`from\` and \`to\``);
  const parts = pages(deps, filter, format);
  const { value } = await parts.next();
  return streamed(parts, value ?? "", headersOf(format, "events"));
}
