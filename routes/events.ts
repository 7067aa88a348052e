import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { downloadOf, MOST } from "../http/events/download.ts";
import { wantedIn } from "../http/formats/wanted.ts";
import { instantOf } from "../http/instant.ts";
import { Event, eventOf } from "../http/models/event.ts";
import { oneOf } from "../http/models/fields.ts";
import { next, nextOf, pageIn, pageQuery } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { listEvents } from "../pool/audit/events.ts";

const text = (description: string) => t.Optional(t.String({ minLength: 1, maxLength: 140, description }));
const atOf = (field: string, words: string | undefined) =>
  words === undefined ? undefined : instantOf(field, words);

/** GET /events: who did what, newest first. */
export default new Elysia({ name: "events", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/events",
    async ({ deps, query, request, set }) => {
      const { actor, action, object, from, to, format } = query;
      const filter = { actor, action, object, from: atOf("from", from), to: atOf("to", to) };
      const download = wantedIn(format, request, ["csv", "jsonl"]);
      // (The typed client asks for JSON.)
      if (download) return (await downloadOf(deps, filter, download)) as never;
      set.headers.vary = "Accept";
      const page = await listEvents(deps, filter, pageIn(query, request));
      return { events: page.rows.map(eventOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "admin",
      query: t.Object(
        {
          actor: text("only events of this actor"),
          action: text("only this action, for example machine.quarantined"),
          object: text("only events about this reservation ID, machine name or user name"),
          from: text("only from this instant on, such as 2026-09-02T13:00:00Z"),
          to: text("only before this instant"),
          format: t.Optional(
            oneOf(
              ["json", "jsonl", "csv"],
              `jsonl (an event a line) and csv: all that match, at most ${MOST}; also by Accept: application/jsonl or text/csv`,
            ),
          ),
          ...pageQuery(),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({ events: t.Array(Event), next }),
        400: Problem,
        503: Problem,
      },
      detail: { operationId: "listEvents", summary: "List the events: who did what, newest first" },
    },
  )
  .compile();
