import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import type { Outlook } from "../../pool/reservations/forecast.ts";
import type { Verdict } from "../../pool/reservations/limits/new_end.ts";
import type { ReservationRow as Row } from "../../pool/reservations/list.ts";
import type { Granted } from "../../pool/reservations/steps/repeat.ts";
import {
  isComing,
  isPreparing,
  RESERVATION_STATES,
  type ReservationView,
  reasonFor,
} from "../../pool/reservations/view.ts";
import { oneOf, time } from "./fields.ts";
import { Place, slot } from "./place.ts";

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
  starts_at: t.Nullable(
    time(
      "when the accounts were ready; before that, when they will be; null if no machine can be planned for it",
    ),
  ),
  ends_at: t.Nullable(time("when the accounts are removed; null if starts_at is")),
  ended_at: t.Nullable(time("when the last of its accounts was gone; null until then")),
  duration_minutes: t.Integer(),
  machines: t.Array(Place, {
    description: "the machines it has now, by slot; before it starts, those planned for it",
  }),
  reason: t.Nullable(
    t.String({ description: "why it failed; only admins see a machine's own error message" }),
  ),
  position: t.Nullable(t.Integer({ description: "its place in the queue, from 1; null if it isn't queued" })),
  uncertain: t.Boolean({
    description: "whether its planned start depends on a machine that is quarantined now",
  }),
  delay_reason: t.Nullable(t.String({ description: "why it starts later than planned before" })),
  wait_until: t.Nullable(time("until when it may wait in the queue; null if it never waited")),
  wanted_by: t.Integer({ description: "how many wait for the machines it has" }),
  reserved_until: t.Nullable(time("the same as ends_at")),
};

/** A reservation, in every response that contains one. */
export const Reservation = t.Object(fields, { $id: "Reservation" });

/** The response to creating one. */
export const NewReservation = t.Object(
  {
    ...fields,
    password: t.Optional(
      t.String({ description: "only if it was generated, once it is active, and only in one response" }),
    ),
    message: t.Optional(t.String({ description: "how to get it when its turn comes" })),
  },
  { $id: "NewReservation" },
);

/** What would become of a request. */
export const Forecast = t.Object(
  {
    matching: t.Integer({ description: "how many machines of the pool it could have" }),
    free_now: t.Integer({ description: "how many of them are free now for the whole duration" }),
    starts_at: t.Nullable(time("when it could start; null: never, or not as it is asked for")),
    machines: t.Array(t.String(), { description: "the machines that it would have" }),
    reason: t.Nullable(t.String({ description: "why it can't start now, or at `starts_at`" })),
  },
  { $id: "Forecast" },
);

export const forecastOf = ({ matching, freeNow, startsAt, machines, reason }: Outlook) => ({
  matching,
  free_now: freeNow,
  starts_at: isoOf(startsAt),
  machines,
  reason,
});

/** What would become of an extension. */
export const EndForecast = t.Object(
  {
    ends_at: t.Nullable(time("the end that it would get; null: it can't last that long")),
    longest_end: time("how long it may last at the longest"),
    reason: t.String({ description: "what comes then" }),
  },
  { $id: "EndForecast" },
);

export const endForecastOf = ({ end, longest, why }: Verdict) => ({
  ends_at: isoOf(end),
  longest_end: longest.toISOString(),
  reason: why,
});

/** One machine of a reservation under the list's original field names, with the whole reservation. */
export const ReservationRow = t.Object(
  {
    ...fields,
    machine: t.String({ description: "this row's machine, one of `machines`" }),
    host: t.String(),
    port: t.Integer(),
    slot,
    expiration_time: time("the same as ends_at"),
    time_remaining: t.String({ examples: ["59.7 minutes remaining"] }),
  },
  { $id: "ReservationRow" },
);

export const isoOf = (date: Date | null) => (date === null ? null : date.toISOString());

/** @param principal who is asking: only admins see a machine's own error message */
export function reservationOf(view: ReservationView, principal: Principal) {
  const endsAt = isoOf(view.endsAt);
  return {
    id: view.id,
    state: view.state,
    username: view.username,
    user: view.user,
    starts_at: isoOf(view.startsAt),
    ends_at: endsAt,
    ended_at: isoOf(view.endedAt),
    duration_minutes: view.durationMinutes,
    machines: view.machines,
    reason: reasonFor(view, principal),
    position: view.position,
    uncertain: view.uncertain,
    delay_reason: view.delay,
    wait_until: isoOf(view.waitUntil),
    wanted_by: view.wantedBy,
    reserved_until: endsAt,
  };
}

function saidOf(view: ReservationView): string {
  if (isPreparing(view)) return "Being prepared";
  if (view.startsAt) return "Planned";
  return `No start can be planned now${view.delay ? `: ${view.delay}` : ""}`;
}

/** The response to creating one, with its password if that was generated. */
export const newReservationOf = ({ password, ...view }: Granted, principal: Principal) => ({
  ...reservationOf(view, principal),
  ...(password === undefined ? {} : { password }),
  ...(isComing(view)
    ? {
        message: `${saidOf(view)}; GET /reservations/${view.id}?wait=60 responds when it starts, with its password if that was generated`,
      }
    : {}),
});

/** A row of the list. */
export const reservationRowOf = (row: Row, principal: Principal) => ({
  ...reservationOf(row, principal),
  machine: row.machine,
  host: row.host,
  port: row.port,
  slot: row.slot,
  expiration_time: row.endsAt.toISOString(),
  time_remaining: `${(row.secondsLeft / 60).toFixed(1)} minutes remaining`,
});
