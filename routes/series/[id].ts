import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { instantOf } from "../../http/instant.ts";
import { Problem } from "../../http/models/problem.ts";
import { SeriesWithOccurrences, seriesWithOccurrencesOf } from "../../http/models/series.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { endSeries } from "../../pool/reservations/series/end.ts";
import { viewSeries } from "../../pool/reservations/series/view.ts";

const params = t.Object({ id: t.String({ maxLength: 64, description: "a series' id" }) });

/** GET and DELETE /series/:id. */
export default new Elysia({ name: "one_series", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/series/:id",
    async ({ deps, params: { id }, principal }) =>
      seriesWithOccurrencesOf(await viewSeries(deps, id, userSeenBy(principal))),
    {
      role: "viewer",
      params,
      response: { 200: SeriesWithOccurrences, 400: Problem, 404: Problem, 503: Problem },
      detail: { operationId: "getSeries", summary: "Show a series with its occurrences" },
    },
  )
  .delete(
    "/series/:id",
    async ({ deps, params: { id }, principal, query }) => {
      const from = query.from === undefined ? undefined : instantOf("from", query.from);
      const ended = await endSeries(deps, id, { from, userId: userSeenBy(principal) });
      return {
        message: "Series ended; its reservations from then on are released",
        id,
        ends_at: ended.endsAt.toISOString(),
        released: ended.released,
        pending: ended.pending,
      };
    },
    {
      role: "user",
      params,
      query: t.Object(
        {
          from: t.Optional(
            t.String({
              maxLength: 40,
              description:
                "ends it from then on: an instant with an offset, such as 2026-12-01T00:00:00Z; default: now",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          message: t.String(),
          id: t.String(),
          ends_at: t.String({ format: "date-time", description: "it doesn't occur from then on" }),
          released: t.Array(t.String(), { description: "the ids of its reservations that were released" }),
          pending: t.Array(t.String(), {
            description: "machines of theirs that are retried until they are clean",
          }),
        }),
        400: Problem,
        404: Problem,
        503: Problem,
      },
      detail: {
        operationId: "endSeries",
        summary: "End a series",
        description:
          "Releases its occurrences from a time on; one that runs at that time goes on to its end.",
      },
    },
  )
  .compile();
