import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import type { CalendarRow } from "../../pool/reservations/calendar.ts";
import type { QueueRow as Row } from "../../pool/reservations/queue.ts";
import { oneOf, time } from "./fields.ts";
import { isoOf } from "./reservation.ts";

const hidden = "null: somebody else's, which only admins see";
const who = {
  id: t.Nullable(t.String({ description: `the reservation; ${hidden}` })),
  username: t.Nullable(t.String({ description: hidden })),
  user: t.Nullable(t.String({ description: `the API user; ${hidden}, or it has none` })),
};

const isSeenBy = ({ userId }: { userId: string | null }, principal: Principal) =>
  principal.role === "admin" || (userId !== null && userId === principal.userId);

/** Whose it is, as far as a principal may see it. */
function whoOf(
  row: { id: string; username: string; user: string | null; userId: string | null },
  principal: Principal,
) {
  const seen = isSeenBy(row, principal);
  return {
    id: seen ? row.id : null,
    username: seen ? row.username : null,
    user: seen ? row.user : null,
  };
}

/** Somebody who waits. */
export const QueueRow = t.Object(
  {
    position: t.Integer({ description: "from 1" }),
    ...who,
    count: t.Integer(),
    duration_minutes: t.Integer(),
    starts_at: t.Nullable(time("when it will start; null if no machine can be planned for it")),
    uncertain: t.Boolean({ description: "whether that depends on a machine that is quarantined now" }),
    machines: t.Array(t.String(), { description: "the machines planned for it" }),
  },
  { $id: "QueueRow" },
);

export const queueRowOf = (row: Row, principal: Principal) => ({
  position: row.position,
  ...whoOf(row, principal),
  count: row.count,
  duration_minutes: row.durationMinutes,
  starts_at: isoOf(row.startsAt),
  uncertain: row.uncertain,
  machines: row.machines,
});

/** A machine's commitments. */
export const MachineCalendar = t.Object(
  {
    machine: t.String(),
    commitments: t.Array(
      t.Object({
        kind: oneOf(["hold", "booking", "queue"], "hold: has it, or had it; booking, queue: will have it"),
        ...who,
        series: t.Nullable(t.String({ description: `the series that it belongs to; ${hidden}, or to none` })),
        starts_at: time("from when"),
        ends_at: time("until when"),
      }),
    ),
  },
  { $id: "MachineCalendar" },
);

export const machineCalendarOf = ({ machine, entries }: CalendarRow, principal: Principal) => ({
  machine,
  commitments: entries.map((entry) => ({
    kind: entry.kind,
    ...whoOf(entry, principal),
    series: isSeenBy(entry, principal) ? entry.seriesId : null,
    starts_at: entry.startsAt.toISOString(),
    ends_at: entry.endsAt.toISOString(),
  })),
});
