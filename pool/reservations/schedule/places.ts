import { asc, inArray } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import type { Place } from "../../planning/place.ts";
import { busyFrom } from "./bookings.ts";
import { type Entry, readMachines, type World } from "./world.ts";

/** What a plan says of a reservation. */
export interface Planned {
  entry: Entry;
  place: Place | null;
  /** a booking that lacks machines */
  isShort: boolean;
}

/** What is still true of it once its machines are locked. */
export interface Looked extends Planned {
  /** ids of those of its machines that are free now */
  free: string[];
}

const sameMachines = (a: Place, b: Place) =>
  a.machines.length === b.machines.length && a.machines.every((id) => b.machines.includes(id));

/** Whether a plan says something else than what was told. */
export function isNew({ entry: { fixed, row, told }, place, isShort }: Planned): boolean {
  if (!told || !place) return told !== place;
  if (fixed && isShort !== (row.delay !== null)) return true;
  return told.startsAt !== place.startsAt || told.uncertain !== place.uncertain || !sameMachines(told, place);
}

/** Whether its accounts should be made by now. */
export function isDue({ entry, place }: Planned, at: number): boolean {
  if (entry.row.notBefore && entry.row.notBefore.getTime() > at) return false;
  return place !== null && (entry.fixed ? busyFrom(entry) : place.startsAt) <= at;
}

/**
 * Locks the machines of some places, and looks at them once more: a claim may have been quicker since the plan read them.
 * (Whatever else changes the calendar waits for the plan's lock.)
 * @returns the places that are still true, with those of their machines that are free now
 */
export async function lockAndLook(tx: Tx, { now }: World, planned: Planned[]): Promise<Looked[]> {
  const ids = [...new Set(planned.flatMap(({ place }) => place?.machines ?? []))];
  if (ids.length === 0) return planned.map((one) => ({ ...one, free: [] }));
  const which = inArray(machines.id, ids);
  await tx.select({ id: machines.id }).from(machines).where(which).orderBy(asc(machines.id)).for("update");
  const seen = new Map((await readMachines(tx, now, which)).map((one) => [one.id, one]));
  return planned
    .filter(({ entry, place }) => {
      const from = Math.max(now, entry.fixed ? busyFrom(entry) : (place?.startsAt ?? 0));
      // What a booking can't replace stays pinned, although it isn't free in time.
      const pins = entry.fixed ? (entry.told?.machines ?? []) : [];
      const asked = (place?.machines ?? []).filter((id) => !pins.includes(id));
      return asked.every((id) => (seen.get(id)?.freeFrom ?? Number.POSITIVE_INFINITY) <= from);
    })
    .map((one) => ({ ...one, free: (one.place?.machines ?? []).filter((id) => seen.get(id)?.isFree) }));
}
