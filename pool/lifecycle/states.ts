// The states of machines and reservations, and the transitions between them. No other file spells a state, except the
// schema's enums, from which these are taken. The diagrams in docs/architecture.md are made from this file.
import { inArray, type SQL } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { type MACHINE_STATES, type MachineState, machines } from "../../db/schema/pool.ts";
import {
  type RESERVATION_STATES,
  type ReservationState,
  reservations,
} from "../../db/schema/reservations.ts";

type Named<S extends string> = { readonly [Name in S]: Name };

export const MACHINE = {
  available: "available",
  preparing: "preparing",
  reserved: "reserved",
  cleaning: "cleaning",
  quarantined: "quarantined",
  removing: "removing",
} as const satisfies Named<(typeof MACHINE_STATES)[number]>;

export const RESERVATION = {
  queued: "queued",
  booked: "booked",
  preparing: "preparing",
  active: "active",
  ending: "ending",
  ended: "ended",
  failed: "failed",
} as const satisfies Named<(typeof RESERVATION_STATES)[number]>;

interface Move<S> {
  /** empty: it is new */
  from: readonly S[];
  /** null: its row is deleted */
  to: S | null;
  /** the label in the diagram */
  when: string;
}

/** The transitions of a machine. There is no way back from `removing`: no PATCH, no claim, no retry. */
export const MACHINE_MOVES = {
  register: { from: [], to: "quarantined", when: "registered" },
  claim: { from: ["available"], to: "preparing", when: "claimed" },
  confirm: { from: ["preparing"], to: "reserved", when: "account made" },
  abandon: { from: ["preparing"], to: "cleaning", when: "failed, or its worker died" },
  release: { from: ["reserved"], to: "cleaning", when: "time up, or released" },
  offer: { from: ["cleaning", "quarantined"], to: "available", when: "proved clean" },
  quarantine: { from: ["cleaning"], to: "quarantined", when: "not reached, or not clean" },
  failProbe: { from: ["available"], to: "quarantined", when: "a probe failed" },
  remove: { from: ["reserved", "cleaning", "quarantined"], to: "removing", when: "DELETE with force" },
  forget: { from: ["removing"], to: null, when: "account removed, or remembered as dirty" },
  forgetFree: { from: ["available", "quarantined"], to: null, when: "DELETE of one without a holder" },
} as const satisfies Record<string, Move<MachineState>>;

/** The transitions of a reservation. */
export const RESERVATION_MOVES = {
  allocate: { from: [], to: "preparing", when: "machines claimed" },
  queue: { from: [], to: "queued", when: "no machine free, and it may wait" },
  book: { from: [], to: "booked", when: "for a time that was chosen" },
  start: {
    from: ["queued", "booked"],
    to: "preparing",
    when: "its machines are free, and its time has come",
  },
  requeue: { from: ["preparing"], to: "queued", when: "a machine failed, and no other is free" },
  rebook: { from: ["preparing"], to: "booked", when: "a machine failed before its start" },
  giveUp: { from: ["queued", "booked"], to: "failed", when: "no machine in time" },
  confirm: { from: ["preparing"], to: "active", when: "all accounts work" },
  end: { from: ["queued", "booked", "preparing", "active"], to: "ending", when: "time up, or released" },
  fail: { from: ["preparing", "ending"], to: "failed", when: "an account could not be made" },
  disown: { from: ["active"], to: "failed", when: "its caller got an error, with no key to ask again" },
  finish: { from: ["ending"], to: "ended", when: "every account is gone, with proof" },
} as const satisfies Record<string, Move<ReservationState>>;

type MachineMove = keyof typeof MACHINE_MOVES;
type ReservationMove = keyof typeof RESERVATION_MOVES;
/** The moves that end in a state. */
type Staying = Exclude<MachineMove, "forget" | "forgetFree">;

/** The columns of a machine that makes a move now. */
export const machineMoves = (move: Staying) => ({ state: MACHINE_MOVES[move].to, since: now });

/** The columns of a reservation that makes a move. */
export const reservationMoves = (move: ReservationMove) => ({ state: RESERVATION_MOVES[move].to });

/** A condition: the machine is in a state that allows that move. */
export const machineMay = (move: MachineMove): SQL => machineIn([...MACHINE_MOVES[move].from]);
export const reservationMay = (move: ReservationMove): SQL =>
  reservationIn([...RESERVATION_MOVES[move].from]);

/** The holder's: an account is on it, or is being made. */
export const HELD: readonly MachineState[] = ["preparing", "reserved"];
/** Must be cleaned before anything else. */
export const UNCLEANED: readonly MachineState[] = ["cleaning", "quarantined"];
/** A worker is on it: if its lease runs out, what it left is finished or undone. */
export const HALFWAY: readonly MachineState[] = ["preparing", "cleaning", "removing"];
/** Proved clean before its holder came, and healthy enough for a sweep. */
export const SOUND: readonly MachineState[] = ["available", "reserved"];
export const ONCE_CLEAN: readonly MachineState[] = ["available", "preparing", "reserved"];
/** Not offered until it has been cleaned: what is on its disk doesn't matter until then. */
export const ASIDE: readonly MachineState[] = ["quarantined", "removing"];

/** Waits for its start; it has no machine. */
export const AHEAD: readonly ReservationState[] = ["queued", "booked"];
/** Has machines, or may have. */
export const LIVE: readonly ReservationState[] = ["preparing", "active", "ending"];
/** Over for its user. */
export const OVER: readonly ReservationState[] = ["ending", "ended", "failed"];
/** Over for its user, but its machines may not be clean yet. */
export const EMPTYING: readonly ReservationState[] = ["ending", "failed"];

/** A condition: the machine is in one of these states. */
export const machineIn = (states: readonly MachineState[]): SQL => inArray(machines.state, [...states]);
export const reservationIn = (states: readonly ReservationState[]): SQL =>
  inArray(reservations.state, [...states]);
