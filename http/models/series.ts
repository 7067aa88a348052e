import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import type { SeriesInput } from "../../pool/reservations/series/create.ts";
import { ON_CONFLICT, type SeriesDetails, type SeriesView } from "../../pool/reservations/series/view.ts";
import { RESERVATION_STATES } from "../../pool/reservations/view.ts";
import { oneOf, time } from "./fields.ts";
import {
  CountOrNames,
  countIn,
  Duration,
  keysIn,
  MachineNames,
  Password,
  PublicKeys,
  Username,
  Where,
} from "./request.ts";
import { isoOf } from "./reservation.ts";

const LOCAL = "local time without an offset, such as 2026-09-02T13:00";
const SKIP = "refuse: no series if an occurrence can't be booked; skip: without those that can't";

/** What a series is made from. */
export const NewSeries = t.Object(
  {
    username: Username,
    password: t.Optional(Password),
    ssh_public_keys: t.Optional(PublicKeys),
    rrule: t.String({
      maxLength: 500,
      description: "when it occurs, as in RFC 5545, without DTSTART: FREQ=WEEKLY;BYDAY=WE;UNTIL=20261218",
    }),
    starts_at: t.String({
      maxLength: 40,
      description: `it occurs from then on: ${LOCAL}; this hour stays the same when the clocks change`,
    }),
    time_zone: t.String({ maxLength: 64, description: "the name of a time zone, such as Europe/Paris" }),
    duration: t.Optional(Duration),
    count: t.Optional(CountOrNames),
    where: t.Optional(Where),
    machines: t.Optional(MachineNames("only these machines, by name; without count: all of them")),
    except: t.Optional(MachineNames("not these machines, by name")),
    except_dates: t.Optional(
      t.Array(t.String({ maxLength: 10, description: "a local date such as 2026-11-11" }), {
        maxItems: 1000,
        description: "local dates on which it doesn't occur, such as 2026-11-11; up to 1000",
      }),
    ),
    on_conflict: t.Optional(t.UnionEnum(ON_CONFLICT, { default: "refuse", description: SKIP })),
  },
  {
    additionalProperties: false,
    description: "must be a JSON object",
    examples: [
      {
        username: "alice",
        rrule: "FREQ=WEEKLY;BYDAY=WE",
        starts_at: "2026-09-02T13:00",
        time_zone: "Europe/Paris",
        duration: 120,
      },
    ],
  },
);

export function seriesInputOf(body: typeof NewSeries.static, principal: Principal): SeriesInput {
  const { duration = 60, machines, starts_at, time_zone, except_dates, on_conflict, ...asked } = body;
  const { ssh_public_keys: _, ...same } = asked;
  return {
    principal,
    ...same,
    keys: keysIn(body),
    count: countIn(body),
    durationMinutes: duration,
    machines,
    startsLocal: starts_at,
    timeZone: time_zone,
    exceptDates: except_dates ?? [],
    onConflict: on_conflict ?? "refuse",
  };
}

const fields = {
  id: t.String(),
  username: t.String({ description: "name of the accounts on the machines" }),
  user: t.Nullable(
    t.String({
      description:
        "API user who made it; null if it was made with ADMIN_TOKEN or an open API, or the user was deleted",
    }),
  ),
  rrule: t.String({ description: "when it occurs, as in RFC 5545" }),
  starts_at: t.String({ description: `${LOCAL}, in time_zone` }),
  time_zone: t.String(),
  duration_minutes: t.Integer(),
  count: t.Integer({ description: "how many machines each time" }),
  where: t.Nullable(t.String({ description: "which machines, by their labels" })),
  machines: t.Nullable(t.Array(t.String(), { description: "only these machines" })),
  except: t.Nullable(t.Array(t.String(), { description: "not these machines" })),
  except_dates: t.Array(t.String(), { description: "local dates on which it doesn't occur" }),
  on_conflict: oneOf(ON_CONFLICT, SKIP),
  booked_until: time("up to then its occurrences are booked; the later ones will be as time goes on"),
  next_starts_at: t.Nullable(time("when the next occurrence that is booked starts; null: none is")),
  ends_at: t.Nullable(time("it doesn't occur from then on; null: it has no end")),
  created_at: time("when it was made"),
};

const Conflict = t.Object({
  starts_at: time("when it would have started"),
  local_time: t.String({ description: "the same in the series' zone" }),
  reason: t.String({ description: "why it can't be" }),
  nearest: t.Array(time("a start that could have been instead, when this was found")),
});

/** What would become of a series. */
export const SeriesForecast = t.Object(
  {
    matching: t.Integer({ description: "how many machines of the pool it could have" }),
    occurrences: t.Array(
      t.Object({
        starts_at: time("when it would start"),
        local_time: t.String({ description: "the same in the series' zone" }),
      }),
      { description: "what would be booked, up to BOOK_AHEAD_DAYS ahead" },
    ),
    conflicts: t.Array(Conflict, { description: "what could not be" }),
  },
  { $id: "SeriesForecast" },
);

export const Series = t.Object(fields, { $id: "Series" });

export const SeriesWithOccurrences = t.Object(
  {
    ...fields,
    occurrences: t.Array(
      t.Object({
        id: t.String({ description: "of the reservation that it is; DELETE that to cancel this one alone" }),
        state: oneOf(RESERVATION_STATES, "of the reservation"),
        starts_at: time("when it starts"),
        local_time: t.String({ description: "the same in the series' zone" }),
        ends_at: time("when it ends"),
        delay_reason: t.Nullable(t.String({ description: "why it lacks machines now" })),
      }),
      { description: "what is booked, and what was, as long as the history is kept" },
    ),
    conflicts: t.Array(Conflict, { description: "the occurrences that were left out because they can't be" }),
  },
  { $id: "SeriesWithOccurrences" },
);

export const seriesOf = (view: SeriesView) => ({
  id: view.id,
  username: view.username,
  user: view.user,
  rrule: view.rrule,
  starts_at: view.startsLocal,
  time_zone: view.timeZone,
  duration_minutes: view.durationMinutes,
  count: view.count,
  where: view.whereLabels,
  machines: view.onlyMachines,
  except: view.exceptMachines,
  except_dates: view.exceptDates,
  on_conflict: view.onConflict,
  booked_until: view.bookedUntil.toISOString(),
  next_starts_at: isoOf(view.nextStartsAt),
  ends_at: isoOf(view.endsAt),
  created_at: view.createdAt.toISOString(),
});

export const seriesWithOccurrencesOf = ({ occurrences, conflicts, ...view }: SeriesDetails) => ({
  ...seriesOf(view),
  occurrences: occurrences.map((one) => ({
    id: one.id,
    state: one.state,
    starts_at: one.startsAt.toISOString(),
    local_time: one.localTime,
    ends_at: one.endsAt.toISOString(),
    delay_reason: one.delay,
  })),
  conflicts,
});
