import { t } from "elysia";
import type { Session } from "../../pool/identity/sessions.ts";
import { csrfOf } from "../auth/cookie.ts";
import { time } from "./fields.ts";
import { Role } from "./user.ts";

export const SessionInfo = t.Object(
  {
    name: t.String({ description: "as in the records: the user, and the token's name or `password`" }),
    user: t.Nullable(t.String({ description: "null: the ADMIN_TOKEN" })),
    role: Role,
    csrf: t.String({ description: "what every change with this session sends as the header X-CSRF-Token" }),
    ends_at: time("when it ends at the latest; without a request for 60 minutes it ends before"),
  },
  { $id: "Session" },
);

/** A session, as its browser sees it: never the cookie. */
export const sessionInfoOf = ({ principal, endsAt, secret }: Session & { secret: string }) => ({
  name: principal.name,
  user: principal.userName,
  role: principal.role,
  csrf: csrfOf(secret),
  ends_at: endsAt.toISOString(),
});
