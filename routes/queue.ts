import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { next, nextOf, pageIn, pageQuery } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { QueueRow, queueRowOf } from "../http/models/schedule.ts";
import { listQueue } from "../pool/reservations/queue.ts";

/** GET /queue: who waits, in order. */
export default new Elysia({ name: "queue", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/queue",
    async ({ deps, principal, query, request, set }) => {
      const page = await listQueue(deps, pageIn(query, request));
      return { queue: page.rows.map((row) => queueRowOf(row, principal)), ...nextOf(page, { request, set }) };
    },
    {
      role: "viewer",
      query: t.Object(pageQuery(), { additionalProperties: false }),
      response: { 200: t.Object({ queue: t.Array(QueueRow), next }), 400: Problem, 503: Problem },
      detail: {
        operationId: "listQueue",
        summary: "List who waits for machines, in order, with planned starts",
      },
    },
  )
  .compile();
