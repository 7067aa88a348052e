import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { instantOf } from "../../http/instant.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import {
  CountOrNames,
  countIn,
  Duration,
  IdempotencyKey,
  keysIn,
  MachineNames,
  MinCount,
  Password,
  Priority,
  PublicKeys,
  Replace,
  StartsAt,
  Username,
  Wait,
  Where,
} from "../../http/models/request.ts";
import {
  Forecast,
  forecastOf,
  NewReservation,
  newReservationOf,
  ReservationRow,
  reservationRowOf,
} from "../../http/models/reservation.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { forecast } from "../../pool/reservations/forecast.ts";
import { listReservations } from "../../pool/reservations/list.ts";
import { reserve } from "../../pool/reservations/reserve.ts";
import { isComing } from "../../pool/reservations/view.ts";

/** GET and POST /reservations. */
export default new Elysia({ name: "reservations", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations",
    async ({ deps, principal, query, request, set }) => {
      const page = await listReservations(deps, pageIn(query, request), userSeenBy(principal));
      return {
        reservations: page.rows.map((row) => reservationRowOf(row, principal)),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "viewer",
      query: t.Object(pageQuery(WHOLE), { additionalProperties: false }),
      response: {
        200: t.Object({ reservations: t.Array(ReservationRow), next }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "listReservations",
        summary: "List the active reservations, one row per machine",
        description:
          "Each row contains its whole reservation. A reservation of several machines has one row for each, all with the same id.",
      },
    },
  )
  .post(
    "/reservations",
    async ({ deps, body, headers, query, set, status, principal }) => {
      set.headers["cache-control"] = "no-store";
      const { ssh_public_keys: _, duration = 60, machines, starts_at, min_count, ...asked } = body;
      const input = {
        principal,
        ...asked,
        count: countIn(body),
        durationMinutes: duration,
        keys: keysIn(body),
        machines,
        startsAt: starts_at === undefined ? undefined : instantOf("starts_at", starts_at),
        minCount: min_count,
        idempotencyKey: headers["idempotency-key"],
      };
      if (query.dry_run) return forecastOf(await forecast(deps, input));
      const granted = await reserve(deps, input);
      set.headers.location = `/reservations/${granted.id}`;
      return status(isComing(granted) ? 202 : 201, newReservationOf(granted, principal));
    },
    {
      role: "user",
      headers: t.Object({
        "idempotency-key": IdempotencyKey(
          "repeating a key returns the same reservation instead of making another",
        ),
      }),
      query: t.Object(
        {
          dry_run: t.Optional(
            t.Boolean({
              default: false,
              description: "true or false; true: only says what would happen, and changes nothing",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      body: t.Object(
        {
          username: Username,
          password: t.Optional(Password),
          ssh_public_keys: t.Optional(PublicKeys),
          count: t.Optional(CountOrNames),
          duration: t.Optional(Duration),
          where: t.Optional(Where),
          machines: t.Optional(MachineNames("only these machines, by name; without count: all of them")),
          except: t.Optional(MachineNames("not these machines, by name")),
          wait: t.Optional(Wait),
          starts_at: t.Optional(StartsAt),
          min_count: t.Optional(MinCount),
          replace: t.Optional(Replace),
          priority: t.Optional(Priority),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object",
          examples: [{ username: "alice", count: 1, duration: 60 }],
        },
      ),
      response: {
        200: Forecast,
        201: NewReservation,
        202: NewReservation,
        400: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
        504: Problem,
      },
      detail: {
        operationId: "createReservation",
        summary: "Reserve machines",
        description:
          "Responds once the account works on every machine: 201. If it may wait and can't start at once: 202, with its planned start.",
      },
    },
  )
  .compile();
