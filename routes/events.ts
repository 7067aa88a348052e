import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Event, eventOf } from "../http/models/event.ts";
import { Problem } from "../http/models/problem.ts";
import { listEvents } from "../pool/audit/events.ts";

const text = (description: string) => t.Optional(t.String({ minLength: 1, maxLength: 140, description }));

/** GET /events: who did what, the newest first. */
export default new Elysia({ name: "events", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/events",
    async ({ deps, query }) => {
      const limit = query.limit ?? 100;
      const found = await listEvents(deps, { ...query, limit });
      return {
        events: found.map(eventOf),
        next: found.length === limit ? (found.at(-1)?.id ?? null) : null,
      };
    },
    {
      role: "admin",
      query: t.Object(
        {
          actor: text("only what they did"),
          action: text("only this, such as machine.quarantined"),
          object: text("only what was done to it: a reservation's id, a machine's or a user's name"),
          before: t.Optional(
            t.Integer({
              title: "before",
              minimum: 1,
              description: "only older ones: `next` of the last answer",
            }),
          ),
          limit: t.Optional(
            t.Integer({
              title: "limit",
              minimum: 1,
              maximum: 500,
              description: "how many, 1 to 500; 100 without",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          events: t.Array(Event),
          next: t.Nullable(t.Integer({ description: "`before` of the next page; null: there is none" })),
        }),
        400: Problem,
        503: Problem,
      },
      detail: { summary: "What was done in the pool, by whom" },
    },
  )
  .compile();
