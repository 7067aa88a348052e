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

/** What can be of an end that somebody asks for. */
export interface Verdict {
  /** null: it can't be */
  end: Date | null;
  /** how long it may last at the longest */
  longest: Date;
  /** what comes then, in words */
  why: string;
}

type Row = typeof reservations.$inferSelect;

/** @throws PoolError invalid_request for an end that is over */
async function wantedEnd(tx: Tx, { endsAt }: Row, { minutes = 0, until }: ExtendInput): Promise<Date> {
  const wanted = until ?? new Date(endsAt.getTime() + minutes * 60_000);
  if (wanted.getTime() <= (await readClock(tx)))
    throw invalid("until", "is over; release the reservation instead");
  return wanted;
}

async function judgeLater(
  deps: ReservationsDeps,
  tx: Tx,
  row: Row,
  wanted: Date,
  atMost: boolean,
): Promise<Verdict> {
  const { end, why } = await longestEnd(deps, tx, row);
  const longest = new Date(Math.max(end, row.endsAt.getTime()));
  if (wanted.getTime() <= end) return { end: wanted, longest, why };
  return { end: atMost && longest > row.endsAt ? longest : null, longest, why };
}

/** Which end it would be given, and the longest. @throws PoolError limit_reached, invalid_request */
export async function judge(deps: ReservationsDeps, tx: Tx, row: Row, input: ExtendInput): Promise<Verdict> {
  const wanted = await wantedEnd(tx, row, input);
  const verdict = await judgeLater(deps, tx, row, wanted, input.atMost ?? false);
  return wanted <= row.endsAt ? { ...verdict, end: wanted } : verdict;
}

/** Which end is meant, and whether it can be. @throws PoolError cannot_extend, limit_reached, invalid_request */
export async function newEnd(deps: ReservationsDeps, tx: Tx, row: Row, input: ExtendInput): Promise<Date> {
  const wanted = await wantedEnd(tx, row, input);
  // To end sooner is always allowed.
  if (wanted <= row.endsAt) return wanted;
  const { end, longest, why } = await judgeLater(deps, tx, row, wanted, input.atMost ?? false);
  if (end) return end;
  const until = longest.toISOString();
  throw new PoolError("cannot_extend", `It can last until ${until} at the longest: ${why}`, [
    { field: input.until ? "until" : "minutes", message: why, until },
  ]);
}
