import { t } from "elysia";
import { ACTIONS } from "../../pool/audit/catalogue.ts";
import type { EventRow } from "../../pool/audit/events.ts";
import { time } from "./fields.ts";

export const Event = t.Object(
  {
    id: t.Integer(),
    occurred_at: time("when it happened, by the database's clock"),
    actor: t.String({
      description: "USER/TOKEN, USER/password, ADMIN_TOKEN, open, scheduler, owner or nobody",
    }),
    address: t.String({ description: "where the request came from" }),
    request_id: t.String(),
    // Not checked on its way out: after a rollback there may be kinds of a later version.
    action: t.String({
      enum: Object.keys(ACTIONS),
      description: "what happened; details depend on it",
    }),
    object: t.String({ description: "ID or name of what was changed" }),
    details: t.Record(t.String(), t.Any()),
  },
  { $id: "Event" },
);

/** An event as clients see it. */
export const eventOf = ({ at, requestId, ...one }: EventRow) => ({
  ...one,
  occurred_at: at.toISOString(),
  request_id: requestId,
});
