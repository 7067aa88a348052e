import { Elysia } from "elysia";
import { withDeps } from "../../../http/deps.ts";
import { Problem } from "../../../http/models/problem.ts";
import { Proof, proofOf } from "../../../http/models/proof.ts";
import { reservationId } from "../../../http/models/released.ts";
import { userSeenBy } from "../../../pool/identity/principal.ts";
import { viewProof } from "../../../pool/reservations/slots/proof.ts";

/** GET /reservations/:id/proof. */
export default new Elysia({ name: "proof", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations/:id/proof",
    async ({ deps, params: { id }, principal }) => proofOf(await viewProof(deps, id, userSeenBy(principal))),
    {
      role: "viewer",
      params: reservationId,
      response: { 200: Proof, 400: Problem, 404: Problem, 409: Problem, 503: Problem },
      detail: {
        operationId: "getProof",
        summary: "Show what was removed when a reservation ended",
        description: "Kept as long as the reservation itself (HISTORY_DAYS).",
      },
    },
  )
  .compile();
