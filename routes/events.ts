import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Event, eventOf } from "../http/models/event.ts";
import { next, nextOf, pageIn, pageQuery } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { listEvents } from "../pool/audit/events.ts";

const text = (description: string) => t.Optional(t.String({ minLength: 1, maxLength: 140, description }));

/** GET /events: who did what, newest first. */
export default new Elysia({ name: "events", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/events",
    async ({ deps, query, request, set }) => {
      const page = await listEvents(deps, { ...query, ...pageIn(query, request) });
      return { events: page.rows.map(eventOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "admin",
      query: t.Object(
        {
          actor: text("only events of this actor"),
          action: text("only this action, for example machine.quarantined"),
          object: text("only events about this reservation ID, machine name or user name"),
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
