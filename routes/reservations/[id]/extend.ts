import { Elysia, t } from "elysia";
import { withDeps } from "../../../http/deps.ts";
import { instantOf } from "../../../http/instant.ts";
import { Problem } from "../../../http/models/problem.ts";
import { DryRun } from "../../../http/models/request.ts";
import { EndForecast, endForecastOf, Reservation, reservationOf } from "../../../http/models/reservation.ts";
import { invalid } from "../../../pool/errors.ts";
import { userSeenBy } from "../../../pool/identity/principal.ts";
import { extend, foreseeEnd } from "../../../pool/reservations/extend.ts";

/** POST /reservations/:id/extend. */
export default new Elysia({ name: "extend", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .post(
    "/reservations/:id/extend",
    async ({ deps, params: { id }, body, query, principal }) => {
      const { minutes, until, at_most: atMost } = body;
      if ((minutes === undefined) === (until === undefined))
        throw invalid("minutes", "send either minutes or until");
      const input = { minutes, until: until === undefined ? undefined : instantOf("until", until), atMost };
      if (query.dry_run) return endForecastOf(await foreseeEnd(deps, id, input, userSeenBy(principal)));
      return reservationOf(await extend(deps, id, input, userSeenBy(principal)), principal);
    },
    {
      role: "user",
      params: t.Object({ id: t.String({ maxLength: 64, description: "a reservation's id" }) }),
      query: t.Object(
        {
          dry_run: DryRun,
        },
        { additionalProperties: false },
      ),
      body: t.Object(
        {
          minutes: t.Optional(
            t.Integer({
              title: "minutes",
              minimum: 1,
              maximum: 525_600,
              description: "so many minutes more: a whole number from 1",
            }),
          ),
          until: t.Optional(
            t.String({
              maxLength: 40,
              description:
                "until then, which may be sooner than now planned: an instant with an offset, such as 2026-09-02T13:00:00Z",
            }),
          ),
          at_most: t.Optional(
            t.Boolean({
              default: false,
              description: "true or false; true: take what there is, if that is less",
            }),
          ),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object with minutes or until",
          examples: [{ minutes: 30 }],
        },
      ),
      response: {
        200: t.Union([Reservation, EndForecast]),
        400: Problem,
        403: Problem,
        404: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "extendReservation",
        summary: "Extend a reservation, or end it sooner",
        description:
          "Responds once the new end is written on every machine. All machines or none. With `dry_run`, it says how long it may last at the longest.",
      },
    },
  )
  .compile();
