import type { Tx } from "../../../db/client.ts";
import type { reservations } from "../../../db/schema/reservations.ts";
import { invalid, PoolError } from "../../errors.ts";
import type { ReservationsDeps } from "../deps.ts";
import { readClock } from "../schedule/world.ts";
import { longestEnd } from "./longest.ts";

export interface ExtendInput {
  /** so many more, or … */
  minutes?: number | undefined;
  /** … this end, which may be sooner */
  until?: Date | undefined;
  /** takes what there is, if that is less */
  atMost?: boolean | undefined;
}

/** Which end is meant, and whether it can be. @throws PoolError cannot_extend, limit_reached, invalid_request */
export async function newEnd(
  deps: ReservationsDeps,
  tx: Tx,
  row: typeof reservations.$inferSelect,
  input: ExtendInput,
): Promise<Date> {
  const { minutes = 0, until, atMost = false } = input;
  const wanted = until ?? new Date(row.endsAt.getTime() + minutes * 60_000);
  const at = await readClock(tx);
  if (wanted.getTime() <= at) throw invalid("until", "is over; release the reservation instead");
  if (wanted <= row.endsAt) return wanted;
  const { end, why } = await longestEnd(deps, tx, row);
  if (wanted.getTime() <= end) return wanted;
  if (atMost && end > row.endsAt.getTime()) return new Date(end);
  const longest = new Date(Math.max(end, row.endsAt.getTime())).toISOString();
  throw new PoolError("cannot_extend", `It can last until ${longest} at the longest: ${why}`, [
    { field: until ? "until" : "minutes", message: why, until: longest },
  ]);
}
