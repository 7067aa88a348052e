import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { poolKey } from "../pool/secrets/pool_key.ts";

/** GET /ssh-key: the public half of the pool's own key. */
export default new Elysia({ name: "ssh-key", normalize: false, tags: ["machines"] })
  .use(withDeps)
  .get(
    "/ssh-key",
    async ({ deps }) => {
      const { publicKey, fingerprint } = await poolKey(deps);
      return { public_key: publicKey, fingerprint };
    },
    {
      role: "admin",
      response: {
        200: t.Object({
          public_key: t.String({ description: "a line for the login's authorized_keys on a machine" }),
          fingerprint: t.String({ description: "as ssh-keygen -l shows it" }),
        }),
        503: Problem,
      },
      detail: {
        operationId: "getPublicKey",
        summary: "Show the pool's public key",
        description:
          "Add it to the login's authorized_keys on a machine, then register the machine with pool_key: true.",
      },
    },
  )
  .compile();
