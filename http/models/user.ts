import { t } from "elysia";
import { USER_NAME, type UserView } from "../../pool/identity/users.ts";
import { time } from "./fields.ts";

export const UserName = t.String({
  pattern: USER_NAME.source,
  description: "1 to 64 of A-Z a-z 0-9 . _ @ -, beginning with a letter or digit",
});
// Not t.UnionEnum, which makes its first value the default of an omitted field.
export const Role = t.Union([t.Literal("viewer"), t.Literal("user"), t.Literal("admin")], {
  description: "viewer, user or admin",
});
// `title` names the field where Elysia's coercion of numbers loses the path.
const limit = (title: string) =>
  t.Nullable(t.Integer({ title, minimum: 0, maximum: 1_000_000 }), {
    title,
    description: "a whole number from 0; null: the default from the settings",
  });
/** Limits that a user can be given, or has. */
const LIMITS = {
  max_machines: limit("max_machines"),
  max_duration_minutes: limit("max_duration_minutes"),
  max_requests_per_minute: t.Nullable(
    t.Integer({ title: "max_requests_per_minute", minimum: 1, maximum: 1_000_000 }),
    {
      title: "max_requests_per_minute",
      description: "requests a minute, a whole number from 1; null: the default from the settings",
    },
  ),
};
export const Limits = {
  max_machines: t.Optional(LIMITS.max_machines),
  max_duration_minutes: t.Optional(LIMITS.max_duration_minutes),
  max_requests_per_minute: t.Optional(LIMITS.max_requests_per_minute),
};
export const LoginPassword = t.String({
  minLength: 12,
  maxLength: 128,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  description: "a login password, 12 to 128 printable characters",
});
export const ApiUser = t.Object(
  {
    name: t.String(),
    role: Role,
    ...LIMITS,
    has_password: t.Boolean({ description: "whether they can log in with a password" }),
    created_at: time("when the user was created"),
  },
  { $id: "User" },
);

/** A user as admins see it: never the password's hash. */
export const userOf = (view: UserView) => ({
  name: view.name,
  role: view.role,
  max_machines: view.maxMachines,
  max_duration_minutes: view.maxDurationMinutes,
  max_requests_per_minute: view.maxRequestsPerMinute,
  has_password: view.hasPassword,
  created_at: view.createdAt.toISOString(),
});
