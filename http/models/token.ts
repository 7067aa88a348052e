import { t } from "elysia";
import type { TokenView } from "../../pool/identity/tokens.ts";
import { time } from "./fields.ts";
import { Role } from "./user.ts";

export const ApiToken = t.Object(
  {
    id: t.String(),
    name: t.String(),
    user: t.String(),
    role: Role,
    prefix: t.String({ description: "its first characters" }),
    created_at: time("when it was created"),
    expires_at: t.Nullable(time("when it expires; null: never")),
  },
  { $id: "Token" },
);

/** The response to creating one. */
export const NewApiToken = t.Composite(
  [ApiToken, t.Object({ token: t.String({ description: "only in this response" }) })],
  { $id: "NewToken" },
);

/** A token as admins see it: never the token itself. */
export const tokenOf = (view: TokenView) => ({
  id: view.id,
  name: view.name,
  user: view.user,
  role: view.role,
  prefix: view.prefix,
  created_at: view.createdAt.toISOString(),
  expires_at: view.expiresAt?.toISOString() ?? null,
});
