import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { instantOf } from "../../http/instant.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import {
  CountOrNames,
  countIn,
  DryRun,
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
  Reservation,
  ReservationRow,
  reservationOf,
  reservationRowOf,
} from "../../http/models/reservation.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { listEach } from "../../pool/reservations/each.ts";
import { forecast } from "../../pool/reservations/forecast.ts";
import { listReservations } from "../../pool/reservations/list.ts";
import { reserve } from "../../pool/reservations/reserve.ts";
import { isComing, RESERVATION_STATES } from "../../pool/reservations/view.ts";

const STATE = `(${RESERVATION_STATES.join("|")})`;
const States = t.String({
  pattern: `^${STATE}(,${STATE})*$`,
  maxLength: 200,
  description: `only those in these states, each reservation once: some of ${RESERVATION_STATES.join(", ")}, with commas between them`,
});
const UserName = t.String({
  maxLength: 64,
  description: "only those of the API user with this name, each once",
});
const Id = t.String({
  maxLength: 64,
  description: "only the one with this id; unlike GET /reservations/{id}, it doesn't tell its password",
});
const statesIn = (text: string) => RESERVATION_STATES.filter((state) => text.split(",").includes(state));

/** GET and POST /reservations. */
export default new Elysia({ name: "reservations", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations",
    async ({ deps, principal, query, request, set }) => {
      const [input, seen] = [pageIn(query, request), userSeenBy(principal)];
      const { state, user, id } = query;
      if (state !== undefined || user !== undefined || id !== undefined) {
        const states = state === undefined ? RESERVATION_STATES : statesIn(state);
        const page = await listEach(deps, { ...input, states, user, id }, seen);
        return {
          reservations: page.rows.map((row) => reservationOf(row, principal)),
          ...nextOf(page, { request, set }),
        };
      }
      const page = await listReservations(deps, input, seen);
      return {
        reservations: page.rows.map((row) => reservationRowOf(row, principal)),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "viewer",
      query: t.Object(
        {
          ...pageQuery(WHOLE),
          state: t.Optional(States),
          user: t.Optional(UserName),
          id: t.Optional(Id),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({ reservations: t.Array(t.Union([ReservationRow, Reservation])), next }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "listReservations",
        summary: "List the active reservations, one row per machine; or those in some states, each once",
        description:
          "Each row contains its whole reservation. A reservation of several machines has one row for each, all with the same id. With `state`, `user` or `id`: each reservation once, the newest first, also those that are over.",
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
          dry_run: DryRun,
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
