import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { ping } from "../pool/database.ts";

/** GET /readyz: the database responds as well. */
export default new Elysia({ name: "readyz", normalize: false, tags: ["health"] })
  .use(withDeps)
  .get(
    "/readyz",
    async ({ parts }) => {
      await ping(parts());
      return { status: "ready" as const };
    },
    {
      response: { 200: t.Object({ status: t.Literal("ready") }), 503: Problem },
      detail: { operationId: "getReadiness", summary: "Check that the API and its database are ready" },
    },
  )
  .compile();
