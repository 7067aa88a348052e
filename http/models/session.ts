import { t } from "elysia";
import { IDLE_MINUTES, type Session } from "../../pool/identity/sessions.ts";
import type { Allowances } from "../../pool/reservations/limits/allowance.ts";
import { csrfOf } from "../auth/cookie.ts";
import { time } from "./fields.ts";
import { Role } from "./user.ts";

const Allowance = t.Object({
  most: t.Nullable(t.Integer({ description: "null: no limit" })),
  left: t.Nullable(t.Integer()),
});

export const SessionInfo = t.Object(
  {
    name: t.String({ description: "as in the events: the user, and the token's name or `password`" }),
    user: t.Nullable(t.String({ description: "null for ADMIN_TOKEN" })),
    role: Role,
    limits: t.Object(
      {
        machines: Allowance,
        queued: Allowance,
        booked: Allowance,
        extensions: t.Nullable(t.Integer({ description: "of each reservation; null: no limit" })),
        duration_minutes: t.Integer({ description: "the longest time in all, in minutes" }),
        book_ahead_days: t.Integer(),
      },
      { description: "what you may reserve, and what is left of it now" },
    ),
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
export const sessionInfoOf = (
  { principal, endsAt, secret }: Session & { secret: string },
  limits: Allowances,
) => ({
  name: principal.name,
  user: principal.userName,
  role: principal.role,
  limits: {
    machines: limits.machines,
    queued: limits.queued,
    booked: limits.booked,
    extensions: limits.extensions,
    duration_minutes: limits.durationMinutes,
    book_ahead_days: limits.bookAheadDays,
  },
  csrf: csrfOf(secret),
  ends_at: endsAt.toISOString(),
});
