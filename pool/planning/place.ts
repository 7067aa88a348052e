// A request's place in a plan, and what it takes of the machines' time.
import { earliest } from "./earliest.ts";
import type { PlanMachine, Profile, Span } from "./profile.ts";
import type { Need } from "./windows.ts";

/** A machine is taken by somebody who isn't in the queue; turnaround and lead are part of it. */
export interface Commitment extends Span {
  machine: string;
}

export interface Place {
  /** ms; in the past: as soon as its machines are clean, which should have been by then */
  startsAt: number;
  machines: string[];
  /** it counts on a machine that is quarantined now */
  uncertain: boolean;
}

export interface Waiting {
  id: string;
  count: number;
  /** ms */
  duration: number;
  /** the part of `duration` that a late start may use up, so that it delays nobody behind it; all of it: its end is fixed */
  slack?: number;
  /** not before then */
  floor: number;
  /** at `floor` or not at all: a booking */
  fixed?: boolean;
  /** with fewer machines, if there are no more at `floor` */
  partial?: boolean;
  /** how long before its start its machines must be free, ms */
  lead?: number;
  matches(machine: PlanMachine): boolean;
  /** its place in the plan before */
  told: Place | null;
}

/** What a place takes in the profile, machine by machine. */
export type Spans = [index: number, span: Span][];

/** Until when a place keeps a machine, without the turnaround. A start that is overdue is taken as now. */
export function endOf(
  now: number,
  { duration, slack = 0 }: Pick<Waiting, "duration" | "slack">,
  startsAt: number,
): number {
  return Math.max(startsAt + duration, now + duration - slack);
}

/** The profile's entries of a place. @returns undefined when a machine is gone */
export function spansOf(profile: Profile, now: number, waiting: Waiting, place: Place): Spans | undefined {
  const until = endOf(now, waiting, place.startsAt);
  const busyFrom = Math.max(now, place.startsAt - (waiting.lead ?? 0));
  const spans: Spans = [];
  for (const id of place.machines) {
    const index = profile.indexOf(id);
    const machine = index === undefined ? undefined : profile.machines[index];
    if (index === undefined || !machine) return undefined;
    spans.push([index, { from: busyFrom, until: until + machine.turnaround }]);
  }
  return spans;
}

/** Enters a place into the profile, and takes it out. */
export function take(profile: Profile, spans: Spans | undefined): void {
  for (const [index, span] of spans ?? []) profile.add(index, span);
}
export function leave(profile: Profile, spans: Spans): void {
  for (const [index, span] of spans) profile.remove(index, span);
}

/** What a told place takes, if it can be kept beside what is in the profile. */
export function keepable(profile: Profile, now: number, waiting: Waiting): Spans | undefined {
  const { told, count } = waiting;
  if (told?.machines.length !== count) return undefined;
  const spans = spansOf(profile, now, waiting, told);
  const sound = spans?.every(([index, span]) => {
    const machine = profile.machines[index] as PlanMachine;
    return (told.uncertain || !machine.uncertain) && waiting.matches(machine) && profile.isFree(index, span);
  });
  return sound ? spans : undefined;
}

/** The earliest place beside what is in the profile. @param uncertain also on machines that are quarantined now */
export function placeFrom(profile: Profile, need: Need, uncertain: boolean): Place | undefined {
  const start = earliest(profile, need, uncertain);
  if (!start) return undefined;
  const machines = start.machines.map((index) => (profile.machines[index] as PlanMachine).id);
  return { startsAt: start.startsAt, machines, uncertain };
}
