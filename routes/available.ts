import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { available } from "../pool/machines/available.ts";

const Names = t.Array(t.String());

/** GET /available: the pool at a glance. */
export default new Elysia({ name: "available", normalize: false, tags: ["pool"] })
  .use(withDeps)
  .get("/available", ({ deps }) => available(deps), {
    role: "viewer",
    response: { 200: t.Object({ available: Names, reserved: Names, unavailable: Names }), 503: Problem },
    detail: { summary: "Names of the free, the taken and the unavailable machines" },
  })
  .compile();
