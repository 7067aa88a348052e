import type { Db } from "../../db/client.ts";
import type { ReservationState } from "../../db/schema/reservations.ts";
import type { LifecycleDeps } from "../lifecycle/deps.ts";
import type { Coalesced, Turns } from "../turns.ts";
import type { World } from "./schedule/world.ts";

/** Somebody in this process who waits for a reservation's state. */
export interface Watcher {
  id: string;
  /** gets the state at each look; undefined: the reservation is gone */
  look(state: ReservationState | undefined): void;
}

export interface Watchers {
  watching: Set<Watcher>;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

export interface ReservationsDeps extends LifecycleDeps {
  /** the same as `db` on separate connections, for use while a transaction of `db` is open */
  side: Db;
  /** makes the queue's plans, one at a time in this process */
  planning: Coalesced<void>;
  /** reads what a request could get: a whole class that is refused in the same second asks the database once */
  looking: Coalesced<World>;
  /** what changes the calendar in this process, one at a time: waiting here costs nothing, in the database a connection */
  planTurns: Turns;
  watchers: Watchers;
  maxDurationMinutes: number;
  /** how often a user may extend a reservation; 0: no limit */
  maxExtensions: number;
  /** requests that one user may have in the queue at once, and bookings; 0: no limit */
  maxQueued: number;
  maxBooked: number;
  /** how far ahead machines can be booked */
  bookAheadDays: number;
  /** machines that one user may hold at once; 0: no limit */
  maxMachinesPerUser: number;
  /** how many failed probes in a row replace a held machine */
  replaceAfter: number;
  historyDays: number;
  /** own: a user's accounts must have the user's name */
  accountNames: "own" | "any";
}
