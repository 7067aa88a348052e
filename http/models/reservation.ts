import { t } from "elysia";
import type { Granted } from "../../pool/reservations/repeat.ts";
import { time } from "./fields.ts";

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
