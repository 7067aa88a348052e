import { Elysia, t } from "elysia";
import { principalAgain } from "../http/auth/principal.ts";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { countStream } from "../http/stream/most.ts";
import { streamOf } from "../http/stream/stream.ts";
import { startOf } from "../pool/audit/follow.ts";
import { seenBy } from "../pool/audit/tail.ts";
import { ping } from "../pool/database.ts";
import { invalid } from "../pool/errors.ts";

/** GET /stream: what happens, as it happens. */
export default new Elysia({ name: "stream", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/stream",
    async ({ deps, headers, principal, query, request }) => {
      const last = headers["last-event-id"] || query.cursor;
      const known = last ? seenBy(last) : undefined;
      if (last && !known) throw invalid("cursor", "is not an `id` from this stream");
      // An answer that began could no longer say that the database is away.
      await ping(deps);
      // Whoever has the answer may load the pool at once, and is told what changes in it after that.
      const from = known ?? (await startOf(deps));
      const again = () => principalAgain(deps, request);
      const body = () => streamOf(deps, principal, from, again, countStream(principal));
      return new Response(request.method === "HEAD" ? null : body(), {
        headers: {
          "Content-Type": "text/event-stream; charset=utf-8",
          "Cache-Control": "no-store",
          "X-Accel-Buffering": "no",
        },
      });
    },
    {
      role: "viewer",
      headers: t.Object({
        "last-event-id": t.Optional(
          t.String({ maxLength: 4000, description: "where to go on: the `id` that came last" }),
        ),
      }),
      query: t.Object(
        {
          cursor: t.Optional(
            t.String({ maxLength: 4000, description: "the same, for those who can't set that header" }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        // (Not checked: a Response is passed on as it is.)
        200: t.String({
          contentMediaType: "text/event-stream",
          description: "messages, for as long as the connection lasts",
          examples: [
            'event: event\ndata: {"id":105,"occurred_at":"2026-11-27T12:00:00.000Z","action":"reservation.ended"}\n\nid: 105\n\n',
          ],
        }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "followEvents",
        summary: "Follow what happens, as server-sent events",
        description:
          "`event`: what happened, for admins as in GET /events; for others without the actor, and with the object only for machines and their own reservations. `reset`: so much has happened that everything should be loaded again. `beat`: every 15 seconds. Reconnect with `Last-Event-ID`, as browsers do, and nothing is missed, also at another process; then an event may come twice, with the same id.",
      },
    },
  )
  .compile();
