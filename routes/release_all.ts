import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { notOnHead } from "../http/methods.ts";
import { Problem } from "../http/models/problem.ts";
import type { ReservationsDeps } from "../pool/reservations/deps.ts";
import { releaseAll } from "../pool/reservations/release.ts";

async function answer(deps: ReservationsDeps) {
  const { clean, pending } = await releaseAll(deps);
  if (clean.length + pending.length === 0) return { message: "No machines to release." };
  return { message: "All machines released", released: clean.length, failed: pending };
}

const schema = {
  response: {
    200: t.Object({
      message: t.String(),
      released: t.Optional(t.Integer({ description: "machines that are clean and available again" })),
      failed: t.Optional(
        t.Array(t.String(), {
          description: "machines that are not clean yet; they are retried until they are",
        }),
      ),
    }),

    503: Problem,
  },
  beforeHandle: notOnHead("GET", "POST"),
};
const detail = (operationId: string) => ({
  detail: { operationId, summary: "Release all reservations and remove their accounts" },
});

/** GET and POST /release_all. */
export default new Elysia({ name: "release_all", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/release_all",
    ({ deps, set }) => {
      set.headers["cache-control"] = "no-store";
      return answer(deps);
    },
    { ...schema, ...detail("releaseAll"), roleByToken: "admin" },
  )
  .post("/release_all", ({ deps }) => answer(deps), { ...schema, ...detail("postReleaseAll"), role: "admin" })
  .compile();
