import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { instantOf } from "../http/instant.ts";
import { notOnHead } from "../http/methods.ts";
import { Problem } from "../http/models/problem.ts";
import { Count, Duration, Password, StartsAt, Username, Wait, Where } from "../http/models/request.ts";
import { NewReservation, newReservationOf } from "../http/models/reservation.ts";
import { reserveAndHold } from "../pool/reservations/reserve.ts";
import { isComing } from "../pool/reservations/view.ts";

/** How long a request that may wait holds the line. */
const HOLD_SECONDS = 150;

/** GET /reserve: for a browser's address bar or a quick curl. POST /reservations does the same. */
export default new Elysia({ name: "reserve", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reserve",
    async ({ deps, query, request, set, status, principal }) => {
      set.headers["cache-control"] = "no-store";
      const { duration = 60, count = 1, starts_at, ...asked } = query;
      const startsAt = starts_at === undefined ? undefined : instantOf("starts_at", starts_at);
      const input = { principal, ...asked, count, durationMinutes: duration, startsAt };
      const granted = await reserveAndHold(deps, input, HOLD_SECONDS, request.signal);
      if (!isComing(granted)) return newReservationOf(granted, principal);
      set.headers.location = `/reservations/${granted.id}`;
      return status(202, newReservationOf(granted, principal));
    },
    {
      roleByToken: "user",
      query: t.Object(
        {
          username: Username,
          password: t.Optional(Password),
          count: t.Optional(Count),
          duration: t.Optional(Duration),
          where: t.Optional(Where),
          wait: t.Optional(Wait),
          starts_at: t.Optional(StartsAt),
        },
        { additionalProperties: false },
      ),
      response: {
        200: NewReservation,
        202: NewReservation,
        400: Problem,
        409: Problem,
        503: Problem,
        504: Problem,
      },
      beforeHandle: notOnHead("GET"),
      detail: {
        operationId: "reserve",
        summary: "Reserve machines",
        description:
          "Responds once the account works on every machine. With `wait`, it holds the line for up to 150 seconds, then responds with 202. A password in a URL may end up in a history; POST /reservations takes it in the body.",
      },
    },
  )
  .compile();
