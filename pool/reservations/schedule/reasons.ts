import { busyFrom } from "./bookings.ts";
import type { Entry, World } from "./world.ts";

/** Why a place that was told can't be kept: what has become of its machines, in words. */
export function reasonOf({ now, byId }: World, entry: Entry): string {
  const { told, matches, fixed } = entry;
  const at = Math.max(now, fixed ? busyFrom(entry) : (told?.startsAt ?? now));
  for (const id of told?.machines ?? []) {
    const machine = byId.get(id);
    if (!machine) return "one of its machines was drained or removed";
    const { name } = machine;
    if (machine.uncertain && !told?.uncertain) return `${name} broke and is quarantined`;
    if (machine.uncertain) return `${name} is still quarantined`;
    if (!matches(machine)) return `${name} doesn't match any more: its labels or facts changed`;
    const isDue = at === now && !fixed;
    if (machine.freeFrom > at || (isDue && !machine.isFree)) return `${name} takes longer to clean`;
  }
  return fixed
    ? "a machine failed while it was prepared, and no other is free"
    : "a machine of a request before it broke, or takes longer to clean";
}
