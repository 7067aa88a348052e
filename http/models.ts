import { t } from "elysia";
import type { Principal } from "../pool/identity/principal.ts";
import type { TokenView } from "../pool/identity/tokens.ts";
import type { UserView } from "../pool/identity/users.ts";
import type { MachineView } from "../pool/machines/view.ts";
import { MACHINE_STATES } from "../pool/machines/view.ts";
import type { Granted } from "../pool/reservations/steps/repeat.ts";

export const time = (description: string) => t.String({ format: "date-time", description });

export const Username = t.String({
  pattern: "^(?!root$)[a-z_][a-z0-9_-]{0,31}$",
  description: "a name of 1 to 32 of a-z 0-9 _ -, beginning with a letter or _; root is refused",
});
export const Password = t.String({
  minLength: 1,
  maxLength: 128,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  description: "1 to 128 printable characters; without one a strong password is made",
});
// `title` names the field where Elysia's own coercion of numbers has lost the path.
export const Count = t.Integer({
  title: "count",
  minimum: 1,
  maximum: 100_000,
  description: "how many machines: a whole number from 1",
});
export const Duration = t.Integer({
  title: "duration",
  minimum: 1,
  maximum: 525_600,
  description: "how long, in minutes: a whole number from 1 up to MAX_DURATION_MINUTES",
});

export const HostKey = t.String({
  // The types that we can compare: another one would be a machine that can never be reached.
  pattern: "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{20,}={0,3}$",
  maxLength: 4096,
  description:
    'its SSH host key, "type base64" as in known_hosts, of type ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp256/384/521; learnt without',
});
export const Labels = t.Record(
  t.String({ pattern: "^[A-Za-z0-9._/-]{1,63}$" }),
  t.String({ maxLength: 63 }),
  {
    additionalProperties: false,
    maxProperties: 64,
    description: "names of up to 63 of A-Z a-z 0-9 . _ / -, values of up to 63 characters",
  },
);

export const Place = t.Object({ machine: t.String(), host: t.String(), port: t.Integer() });

export const Reservation = t.Object({
  id: t.String(),
  username: t.String(),
  password: t.Optional(t.String({ description: "only when it was made here, and only this once" })),
  machines: t.Array(Place),
  reserved_until: time("when the accounts are removed"),
  duration_minutes: t.Integer(),
});

export function reservationOf(granted: Granted) {
  return {
    id: granted.id,
    username: granted.username,
    ...(granted.password === undefined ? {} : { password: granted.password }),
    machines: granted.machines,
    reserved_until: granted.reservedUntil.toISOString(),
    duration_minutes: granted.durationMinutes,
  };
}

export const Machine = t.Object({
  name: t.String(),
  host: t.String(),
  port: t.Integer(),
  user: t.Nullable(t.String({ description: "its login; shown to admins" })),
  labels: t.Record(t.String(), t.String()),
  state: t.UnionEnum([...MACHINE_STATES]),
  since: time("when it came into this state"),
  drained: t.Boolean(),
  holder: t.Nullable(t.Object({ id: t.String(), username: t.String() }), {
    description: "the reservation that has it; shown to admins and to whoever holds it",
  }),
  reserved_until: t.Nullable(time("when its reservation ends")),
  host_key_fingerprint: t.Nullable(t.String()),
  fault: t.Nullable(t.String({ description: "class of the last error" })),
  last_error: t.Nullable(t.String({ description: "in its own words; shown to admins" })),
});

/** What a user may see of a machine: how to log in to it as its admin, what it says, and who has it, is not for everybody. */
export function machineOf(view: MachineView, { role, userId }: Principal) {
  const admin = role === "admin";
  const { holder } = view;
  const mine = holder !== null && holder.userId !== null && holder.userId === userId;
  return {
    name: view.name,
    host: view.host,
    port: view.port,
    user: admin ? view.user : null,
    labels: view.labels,
    state: view.state,
    since: view.since.toISOString(),
    drained: view.drained,
    holder: holder && (admin || mine) ? { id: holder.id, username: holder.username } : null,
    reserved_until: view.reservedUntil?.toISOString() ?? null,
    host_key_fingerprint: view.hostKeyFingerprint,
    fault: view.fault,
    last_error: admin ? view.lastError : null,
  };
}

export const UserName = t.String({
  pattern: "^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$",
  description: "1 to 64 of A-Z a-z 0-9 . _ @ -, beginning with a letter or digit",
});
// Not t.UnionEnum: that one makes its first value the default of a field that was left out.
export const Role = t.Union([t.Literal("viewer"), t.Literal("user"), t.Literal("admin")], {
  description: "viewer, user or admin",
});
const Limit = t.Nullable(t.Integer({ minimum: 0, maximum: 1_000_000 }), {
  description: "a whole number from 0; null: as the settings say for everybody",
});
const Rate = t.Nullable(t.Integer({ minimum: 1, maximum: 1_000_000 }), {
  description: "requests a minute, a whole number from 1; null: as the settings say for everybody",
});
/** What users may be given, in the words of a body and in those of the pool. */
export const Limits = {
  max_machines: t.Optional(Limit),
  max_duration_minutes: t.Optional(Limit),
  max_requests_per_minute: t.Optional(Rate),
};
export const LoginPassword = t.String({
  minLength: 12,
  maxLength: 128,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  description: "a password to log in with, 12 to 128 printable characters",
});
export const ApiUser = t.Object({
  name: t.String(),
  role: Role,
  max_machines: Limit,
  max_duration_minutes: Limit,
  max_requests_per_minute: Rate,
  has_password: t.Boolean({ description: "whether they can log in with a password" }),
  created_at: time("when the user was made"),
});
export const ApiToken = t.Object({
  id: t.String(),
  name: t.String(),
  user: t.String(),
  role: Role,
  prefix: t.String({ description: "the characters with which it begins" }),
  created_at: time("when it was made"),
  expires_at: t.Nullable(time("when it stops counting")),
});

export const userOf = (view: UserView) => ({
  name: view.name,
  role: view.role,
  max_machines: view.maxMachines,
  max_duration_minutes: view.maxDurationMinutes,
  max_requests_per_minute: view.maxRequestsPerMinute,
  has_password: view.hasPassword,
  created_at: view.createdAt.toISOString(),
});

export const tokenOf = (view: TokenView) => ({
  id: view.id,
  name: view.name,
  user: view.user,
  role: view.role,
  prefix: view.prefix,
  created_at: view.createdAt.toISOString(),
  expires_at: view.expiresAt?.toISOString() ?? null,
});
