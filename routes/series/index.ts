import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { next, nextOf, pageIn, pageQuery } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import { DryRun, IdempotencyKey } from "../../http/models/request.ts";
import {
  NewSeries,
  Series,
  SeriesForecast,
  SeriesWithOccurrences,
  seriesInputOf,
  seriesOf,
  seriesWithOccurrencesOf,
} from "../../http/models/series.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { createSeries } from "../../pool/reservations/series/create.ts";
import { foreseeSeries } from "../../pool/reservations/series/foresee.ts";
import { listSeries } from "../../pool/reservations/series/view.ts";

/** GET and POST /series. */
export default new Elysia({ name: "all_series", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/series",
    async ({ deps, principal, query, request, set }) => {
      const page = await listSeries(deps, pageIn(query, request), userSeenBy(principal));
      return { series: page.rows.map(seriesOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "viewer",
      query: t.Object(pageQuery(), { additionalProperties: false }),
      response: { 200: t.Object({ series: t.Array(Series), next }), 400: Problem, 503: Problem },
      detail: {
        operationId: "listSeries",
        summary: "List the series of reservations",
      },
    },
  )
  .post(
    "/series",
    async ({ deps, body, headers, principal, query, set, status }) => {
      const input = { ...seriesInputOf(body, principal), idempotencyKey: headers["idempotency-key"] };
      if (query.dry_run) return foreseeSeries(deps, input);
      const made = await createSeries(deps, input);
      set.headers.location = `/series/${made.id}`;
      return status(201, seriesWithOccurrencesOf(made));
    },
    {
      role: "user",
      headers: t.Object({
        "idempotency-key": IdempotencyKey(
          "repeating a key returns the same series instead of making another",
        ),
      }),
      query: t.Object(
        {
          dry_run: DryRun,
        },
        { additionalProperties: false },
      ),
      body: NewSeries,
      response: {
        200: SeriesForecast,
        201: SeriesWithOccurrences,
        400: Problem,
        403: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "createSeries",
        summary: "Reserve machines again and again, every Wednesday at 13:00 for example",
        description:
          "Books all occurrences up to BOOK_AHEAD_DAYS ahead, each as a reservation, or none; the later ones are booked as time goes on. If some can't be, `details` has the nearest starts of each that could.",
      },
    },
  )
  .compile();
