// What one hold says about the use of its machine. All times in ms since 1970.
import type { Range } from "./range.ts";

/** A reservation, as far as usage is about it, and what it held. */
export interface Past {
  id: string;
  userId: string | null;
  username: string;
  isBooking: boolean;
  hasFailed: boolean;
  /** the kind of fault that it failed with */
  fault: string | null;
  createdAt: number;
  startsAt: number | null;
  endsAt: number;
  holds: PastHold[];
}

export interface PastHold {
  machineId: string;
  claimedAt: number;
  confirmedAt: number | null;
  endingAt: number | null;
  releasedAt: number | null;
}

/** From its claim until it was clean: the time in which nobody else could have the machine. */
export const heldFor = ({ claimedAt, releasedAt }: PastHold, now: number): Range => ({
  from: claimedAt,
  to: releasedAt ?? now,
});

/**
 * When a hold's user could use the machine: while its account worked, but not before a booking's start. Undefined: never.
 * (Of removals that an older version repeated in a quarantine it is not known when they began: at the end, say.)
 */
export function usedFor(
  { confirmedAt, endingAt, releasedAt }: PastHold,
  { startsAt, endsAt }: Past,
  now: number,
): Range | undefined {
  if (confirmedAt === null) return undefined;
  const from = Math.max(confirmedAt, startsAt ?? 0);
  const to = endingAt ?? Math.min(releasedAt ?? now, endsAt);
  return to > from ? { from, to } : undefined;
}

/** When its first account worked; undefined: it never started. */
export function startOf({ holds }: Past): number | undefined {
  const all = holds.flatMap(({ confirmedAt }) => confirmedAt ?? []);
  return all.length === 0 ? undefined : Math.min(...all);
}
