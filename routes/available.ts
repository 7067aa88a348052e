import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { available } from "../pool/machines/available.ts";

const Names = t.Array(t.String());

/** GET /available: the pool at a glance. */
export default new Elysia({ name: "available", normalize: false, tags: ["pool"] })
  .use(withDeps)
  .get(
    "/available",
    async ({ deps, query, request, set }) => {
      const { next: key, ...names } = await available(deps, pageIn(query, request));
      return { ...names, ...nextOf({ next: key }, { request, set }) };
    },
    {
      role: "viewer",
      query: t.Object(pageQuery(WHOLE), { additionalProperties: false }),
      response: {
        200: t.Object({ available: Names, reserved: Names, unavailable: Names, next }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "listAvailable",
        summary: "List the names of the available, reserved and unavailable machines",
      },
    },
  )
  .compile();
