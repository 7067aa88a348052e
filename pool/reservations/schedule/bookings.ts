import { type Commitment, endOf, type Place } from "../../planning/place.ts";
import type { Entry, World } from "./world.ts";

/** A booking in the plan: the machines that it keeps, and what it lacks. */
export interface Pinned {
  booking: Entry;
  /** ids of the machines that will be free for it */
  kept: string[];
  /** whether one of these is quarantined now */
  uncertain: boolean;
  /** of those that may yet be, such as a quarantined one: they stay promised to it unless others are found */
  hoped: string[];
  /** asks for others instead of those that won't be; undefined: none are lacking */
  repair: Entry | undefined;
}

/** From when a booking needs its machines. */
export const busyFrom = ({ floor, lead = 0 }: Entry) => floor - lead;

/** Whether a booking could still have a machine. */
function mayBe({ byId }: World, booking: Entry, id: string): boolean {
  const machine = byId.get(id);
  return machine !== undefined && booking.matches(machine);
}

/** Whether a machine will be free when a booking needs it, as far as its holder is concerned. */
function isSound({ now, byId }: World, booking: Entry, id: string): boolean {
  const machine = byId.get(id);
  if (!machine || !booking.matches(machine)) return false;
  if (machine.uncertain && !booking.told?.uncertain) return false;
  return machine.freeFrom <= Math.max(now, busyFrom(booking));
}

/** What becomes of the machines that bookings are pinned to. */
export function pinned(world: World): Pinned[] {
  return world.bookings.map((booking) => {
    const pins = booking.told?.machines ?? [];
    const kept = pins.filter((id) => isSound(world, booking, id));
    const uncertain = kept.some((id) => world.byId.get(id)?.uncertain);
    const hoped = pins.filter((id) => !kept.includes(id) && mayBe(world, booking, id));
    const lacking = booking.count - kept.length;
    const matches: Entry["matches"] = (machine) => booking.matches(machine) && !pins.includes(machine.id);
    // Each that is found is worth having: it may start with fewer.
    const repair = { ...booking, count: lacking, matches, partial: true, told: null };
    return { booking, kept, uncertain, hoped, repair: lacking > 0 ? repair : undefined };
  });
}

/** The machines that are promised to bookings, as the plan of all others must take them. */
export function commitmentsOf({ now, byId }: World, bookings: Pinned[]): Commitment[] {
  return bookings.flatMap(({ booking, kept, hoped }) => {
    const until = endOf(now, booking, booking.floor);
    return [...kept, ...hoped].map((machine) => ({
      machine,
      from: Math.max(now, busyFrom(booking)),
      until: until + (byId.get(machine)?.turnaround ?? 0),
    }));
  });
}

/** A booking's place after its repair; those that it can't replace stay pinned, for they may come back in time. */
export function placeOf(
  { booking, kept, uncertain, hoped }: Pinned,
  repaired: Place | null | undefined,
): Place {
  return {
    startsAt: booking.floor,
    machines: [...kept, ...(repaired?.machines ?? []), ...hoped].slice(0, booking.count),
    uncertain: uncertain || (repaired?.uncertain ?? false),
  };
}
