import { t } from "elysia";
import { IDLE_MINUTES, type Session } from "../../pool/identity/sessions.ts";
import { csrfOf } from "../auth/cookie.ts";
import { time } from "./fields.ts";
import { Role } from "./user.ts";

export const SessionInfo = t.Object(
  {
    name: t.String({ description: "as in the events: the user, and the token's name or `password`" }),
    user: t.Nullable(t.String({ description: "null for ADMIN_TOKEN" })),
    role: Role,
    csrf: t.String({
      description: "send it as the header X-CSRF-Token with every change made with this session",
    }),
    ends_at: time(
      `when it ends at the latest; it ends earlier after ${IDLE_MINUTES} minutes without a request`,
    ),
  },
  { $id: "Session" },
);

/** A session as its browser sees it, without the cookie. */
export const sessionInfoOf = ({ principal, endsAt, secret }: Session & { secret: string }) => ({
  name: principal.name,
  user: principal.userName,
  role: principal.role,
  csrf: csrfOf(secret),
  ends_at: endsAt.toISOString(),
});
