import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { next, nextOf, pageIn, pageQuery } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import { ApiToken, NewApiToken, tokenOf } from "../../http/models/token.ts";
import { Role, UserName } from "../../http/models/user.ts";
import { createToken, listTokens } from "../../pool/identity/tokens.ts";

/** GET and POST /tokens. */
export default new Elysia({ name: "tokens", normalize: false, tags: ["users"] })
  .use(withDeps)
  .get(
    "/tokens",
    async ({ deps, query, request, set }) => {
      const page = await listTokens(deps, pageIn(query, request));
      return { tokens: page.rows.map(tokenOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "admin",
      query: t.Object(pageQuery(), { additionalProperties: false }),
      response: { 200: t.Object({ tokens: t.Array(ApiToken), next }), 400: Problem, 503: Problem },
      detail: { operationId: "listTokens", summary: "List the tokens, with their first characters" },
    },
  )
  .post(
    "/tokens",
    async ({ deps, body, status, set }) => {
      set.headers["cache-control"] = "no-store";
      const made = await createToken(deps, body);
      return status(201, { ...tokenOf(made), token: made.token });
    },
    {
      role: "admin",
      body: t.Object(
        {
          user: UserName,
          name: UserName,
          role: t.Optional(Role),
          days: t.Optional(
            t.Integer({
              title: "days",
              minimum: 1,
              maximum: 3650,
              description: "days until it expires, 1 to 3650; if omitted, it never does",
            }),
          ),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object",
          examples: [{ user: "alice", name: "laptop", days: 90 }],
        },
      ),
      response: {
        201: NewApiToken,
        400: Problem,
        404: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "createToken",
        summary: "Create a token for a user",
        description: "The token is only in this response; the server keeps a hash of it.",
      },
    },
  )
  .compile();
