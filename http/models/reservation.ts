import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import type { Granted } from "../../pool/reservations/steps/repeat.ts";
import {
  RESERVATION_STATES,
  type ReservationView,
  type ReservationRow as Row,
  reasonFor,
} from "../../pool/reservations/view.ts";
import { oneOf, time } from "./fields.ts";

export const Username = t.String({
  pattern: "^(?!root$)[a-z_][a-z0-9_-]{0,31}$",
  description: "a name of 1 to 32 of a-z 0-9 _ -, beginning with a letter or _; root is refused",
});
export const Password = t.String({
  minLength: 1,
  maxLength: 128,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  description: "1 to 128 printable characters; if omitted, a strong password is generated",
});
// `title` names the field where Elysia's coercion of numbers loses the path.
export const Count = t.Integer({
  title: "count",
  minimum: 1,
  maximum: 100_000,
  default: 1,
  description: "how many machines: a whole number from 1",
});
export const Duration = t.Integer({
  title: "duration",
  minimum: 1,
  maximum: 525_600,
  default: 60,
  description: "how long, in minutes: a whole number from 1 up to MAX_DURATION_MINUTES",
});

const Place = t.Object(
  { machine: t.String(), host: t.String(), port: t.Integer() },
  { $id: "Place", description: "a machine to log in to" },
);

const fields = {
  id: t.String(),
  state: oneOf(RESERVATION_STATES, "active: the accounts work"),
  username: t.String({ description: "name of the accounts on the machines" }),
  user: t.Nullable(
    t.String({
      description:
        "API user who made it; null if it was made with ADMIN_TOKEN or an open API, or the user was deleted",
    }),
  ),
  starts_at: time("when the accounts were ready; before that, when it was requested"),
  ends_at: time("when the accounts are removed"),
  duration_minutes: t.Integer(),
  machines: t.Array(Place, { description: "the machines it has now" }),
  reason: t.Nullable(
    t.String({ description: "why it failed; only admins see a machine's own error message" }),
  ),
  reserved_until: time("the same as ends_at"),
};

/** A reservation, in every response that contains one. */
export const Reservation = t.Object(fields, { $id: "Reservation" });

/** The response to creating one. */
export const NewReservation = t.Object(
  {
    ...fields,
    password: t.Optional(t.String({ description: "only if it was generated, and only in this response" })),
  },
  { $id: "NewReservation" },
);

/** One machine of a reservation under the list's original field names, with the whole reservation. */
export const ReservationRow = t.Object(
  {
    ...fields,
    machine: t.String({ description: "this row's machine, one of `machines`" }),
    host: t.String(),
    port: t.Integer(),
    expiration_time: time("the same as ends_at"),
    time_remaining: t.String({ examples: ["59.7 minutes remaining"] }),
  },
  { $id: "ReservationRow" },
);

/** @param principal who is asking: only admins see a machine's own error message */
export function reservationOf(view: ReservationView, principal: Principal) {
  const endsAt = view.endsAt.toISOString();
  return {
    id: view.id,
    state: view.state,
    username: view.username,
    user: view.user,
    starts_at: view.startsAt.toISOString(),
    ends_at: endsAt,
    duration_minutes: view.durationMinutes,
    machines: view.machines,
    reason: reasonFor(view, principal),
    reserved_until: endsAt,
  };
}

/** The response to creating one, with its password if that was generated. */
export const newReservationOf = ({ password, ...view }: Granted, principal: Principal) => ({
  ...reservationOf(view, principal),
  ...(password === undefined ? {} : { password }),
});

/** A row of the list. */
export const reservationRowOf = (row: Row, principal: Principal) => ({
  ...reservationOf(row, principal),
  machine: row.machine,
  host: row.host,
  port: row.port,
  expiration_time: row.endsAt.toISOString(),
  time_remaining: `${(row.secondsLeft / 60).toFixed(1)} minutes remaining`,
});
