import { Elysia, t } from "elysia";
import { principalAgain } from "../http/auth/principal.ts";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { streamOf } from "../http/stream/stream.ts";
import { seenBy } from "../pool/audit/tail.ts";
import { invalid } from "../pool/errors.ts";

/** GET /stream: what happens, as it happens. */
export default new Elysia({ name: "stream", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/stream",
    ({ deps, headers, principal, request }) => {
      const last = headers["last-event-id"];
      const from = last === undefined || last === "" ? undefined : seenBy(last);
      if (last && !from) throw invalid("Last-Event-ID", "not one of this stream's");
      const again = () => principalAgain(deps, request);
      const body = request.method === "HEAD" ? null : streamOf(deps, principal, from, again);
      return new Response(body, {
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
      response: { 400: Problem, 503: Problem },
      detail: {
        operationId: "followEvents",
        summary: "Follow what happens, as server-sent events",
        description:
          "`event`: what happened, for admins as in GET /events; for others without the actor, and with the object only for machines and their own reservations. `reset`: so much has happened that everything should be loaded again. `beat`: every 15 seconds. Reconnect with `Last-Event-ID`, as browsers do, and nothing is missed, also at another process; then an event may come twice, with the same id.",
      },
    },
  )
  .compile();
