import { t } from "elysia";
import type { EventRow } from "../../pool/audit/events.ts";
import { time } from "./fields.ts";

export const Event = t.Object(
  {
    id: t.Integer(),
    occurred_at: time("when it was done, by the database's clock"),
    actor: t.String({ description: "a user and their token, ADMIN_TOKEN, open, scheduler or owner" }),
    address: t.String({ description: "where the request came from" }),
    request_id: t.String(),
    action: t.String({ description: "such as reservation.confirmed" }),
    object: t.String({ description: "id or name of what it was done to" }),
    details: t.Record(t.String(), t.Any()),
  },
  { $id: "Event" },
);

/** An event of the record, in the words of the wire. */
export const eventOf = ({ at, requestId, ...one }: EventRow) => ({
  ...one,
  occurred_at: at.toISOString(),
  request_id: requestId,
});
