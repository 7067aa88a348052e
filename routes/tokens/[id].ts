import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/models/problem.ts";
import { deleteToken } from "../../pool/identity/tokens.ts";

/** DELETE /tokens/:id. */
export default new Elysia({ name: "token", normalize: false, tags: ["users"] })
  .use(withDeps)
  .delete(
    "/tokens/:id",
    async ({ deps, params: { id } }) => {
      await deleteToken(deps, id);
      return { message: "Token revoked" };
    },
    {
      role: "admin",
      params: t.Object({ id: t.String({ maxLength: 64, description: "a token's id" }) }),
      response: { 200: t.Object({ message: t.String() }), 400: Problem, 404: Problem, 503: Problem },
      detail: {
        operationId: "revokeToken",
        summary: "Revoke a token",
        description: "Takes effect immediately, in every API process.",
      },
    },
  )
  .compile();
