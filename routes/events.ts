import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Event, eventOf } from "../http/models/event.ts";
import { next, nextOf, pageIn, pageQuery } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { listEvents } from "../pool/audit/events.ts";

const text = (description: string) => t.Optional(t.String({ minLength: 1, maxLength: 140, description }));

/** GET /events: who did what, the newest first. */
export default new Elysia({ name: "events", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/events",
    async ({ deps, query, request, set }) => {
      const page = await listEvents(deps, { ...query, ...pageIn(query) });
      return { events: page.rows.map(eventOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "admin",
      query: t.Object(
        {
          actor: text("only what they did"),
          action: text("only this, such as machine.quarantined"),
          object: text("only what was done to it: a reservation's id, a machine's or a user's name"),
          ...pageQuery(),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({ events: t.Array(Event), next }),
        400: Problem,
        503: Problem,
      },
      detail: { operationId: "listEvents", summary: "What was done in the pool, by whom" },
    },
  )
  .compile();
