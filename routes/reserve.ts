import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { notOnHead } from "../http/methods.ts";
import { Problem } from "../http/models/problem.ts";
import {
  Count,
  Duration,
  NewReservation,
  newReservationOf,
  Password,
  Username,
} from "../http/models/reservation.ts";
import { reserve } from "../pool/reservations/reserve.ts";

/** GET /reserve: for a browser's address bar or a quick curl. POST /reservations does the same. */
export default new Elysia({ name: "reserve", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reserve",
    async ({ deps, query, set, principal }) => {
      set.headers["cache-control"] = "no-store";
      const { username, password, count = 1, duration = 60 } = query;
      const granted = await reserve(deps, {
        principal,
        username,
        password,
        count,
        durationMinutes: duration,
      });
      return newReservationOf(granted, principal);
    },
    {
      roleByToken: "user",
      query: t.Object(
        {
          username: Username,
          password: t.Optional(Password),
          count: t.Optional(Count),
          duration: t.Optional(Duration),
        },
        { additionalProperties: false },
      ),
      response: { 200: NewReservation, 400: Problem, 409: Problem, 503: Problem, 504: Problem },
      beforeHandle: notOnHead("GET"),
      detail: {
        operationId: "reserve",
        summary: "Reserve machines",
        description:
          "Responds once the account works on every machine. A password in a URL may end up in a history; POST /reservations takes it in the body.",
      },
    },
  )
  .compile();
