import { Elysia, t } from "elysia";
import { withErrors } from "../http/errors.ts";

/** GET /healthz: the process is alive; it asks nothing else. */
export default new Elysia({ name: "healthz", normalize: false, tags: ["health"] })
  .use(withErrors)
  .get("/healthz", () => ({ status: "ok" as const }), {
    response: { 200: t.Object({ status: t.Literal("ok") }) },
    detail: { operationId: "getHealth", summary: "Check that the API is alive" },
  })
  .compile();
