// The machines, kept up to date by the stream.
import { computed, signal } from "@preact/signals";
import { AGAIN_MS, mayPass, type Refusal, refusalOf } from "./api.ts";
import { type Machine, readMachine, readMachines } from "./read_machines.ts";
import { type Heard, hear } from "./stream.ts";

export type { Machine };

/** What a machine is for whoever looks for one. */
export const KINDS = [
  "free",
  "taken",
  "preparing",
  "cleaning",
  "quarantined",
  "drained",
  "removing",
] as const;
export type Kind = (typeof KINDS)[number];
export function kindOf({ state, drained }: Machine): Kind {
  if (state === "available") return drained ? "drained" : "free";
  return state === "reserved" ? "taken" : state;
}

/** undefined: not loaded yet */
export const machines = signal<Machine[] | undefined>(undefined);
export const trouble = signal<Refusal | undefined>(undefined);

export const counts = computed(() => {
  const all = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const machine of machines.value ?? []) all[kindOf(machine)]++;
  return all;
});

/** Machines that haven't changed stay the same objects, so that only the others are drawn again. */
let before = new Map<string, { text: string; machine: Machine }>();
/** Changes when labels may have, or what there is. */
export const labelled = signal(0);

/** What they are now. @param base those that stay as they were; undefined: these are all */
function keep(fresh: Machine[], base?: typeof before): void {
  const next: typeof before = new Map(base);
  let isOther = next.size + fresh.length === 0;
  for (const machine of fresh) {
    const text = JSON.stringify(machine);
    const known = before.get(machine.name);
    if (known?.text === text) {
      next.set(machine.name, known);
      continue;
    }
    const labels = (one?: Machine) => JSON.stringify([one?.labels, one?.facts]);
    isOther ||= labels(machine) !== labels(known?.machine);
    next.set(machine.name, { text, machine });
  }
  isOther ||= next.size !== before.size;
  const isInOrder = base !== undefined && fresh.every(({ name }) => before.has(name));
  before = next;
  const all = [...next.values()].map(({ machine }) => machine);
  machines.value = isInOrder ? all : all.sort(byName);
  if (isOther) labelled.value++;
}
/** As people count: lab-2 before lab-10. */
const { compare } = new Intl.Collator("en", { numeric: true });
const byName = ({ name: a }: Machine, { name: b }: Machine) => compare(a, b) || (a < b ? -1 : 1);

/** Pauses between two loads, as a multiple of what one takes: a large pool that is busy is not asked without end. */
const PAUSE = 3;
/** Up to so many come in one page, which is as cheap as to ask what has changed. */
const SMALL = 300;
/** A state's time is that of its statement: other transactions may have been longer. */
const OVERLAP_MS = 60_000;
/** How often a large pool is loaded whole if something happened that can't be asked for. */
const WHOLE_MS = 60_000;

/** What is to be loaded next; names: these machines */
const due = { all: false, changed: false, names: new Set<string>() };
let loading: Promise<void> | undefined;
/** the newest change that is known, by the server's clock */
let newest = 0;
let wholeTimer: ReturnType<typeof setTimeout> | undefined;

const learnNewest = (found: Machine[]) => {
  for (const { state_changed_at: at } of found) newest = Math.max(newest, Date.parse(at));
};

/** Loads what is due. @throws Refusal */
async function loadDue(): Promise<void> {
  const { all, changed } = due;
  const names = [...due.names];
  [due.all, due.changed] = [false, false];
  due.names.clear();
  if (all || !machines.value) {
    clearTimeout(wholeTimer);
    wholeTimer = undefined;
    const found = await readMachines();
    learnNewest(found);
    return keep(found);
  }
  const since = new Date(newest - OVERLAP_MS).toISOString();
  const [moved, named] = await Promise.all([
    changed ? readMachines({ changed_since: since }) : [],
    Promise.all(names.map(async (name) => [name, await readMachine(name)] as const)),
  ]);
  const base = new Map(before);
  for (const [name, found] of named) if (!found) base.delete(name);
  const fresh = [...moved, ...named.flatMap(([, found]) => found ?? [])];
  learnNewest(fresh);
  keep(fresh, base);
}

/** Loads what is due, once at a time. */
function load(): Promise<void> {
  if (loading) return loading;
  const from = performance.now();
  const asked = { all: due.all, changed: due.changed, names: [...due.names] };
  loading = loadDue()
    .then(() => {
      trouble.value = undefined;
    })
    .catch((error) => {
      trouble.value = refusalOf(error);
      // Not lost: it is asked for again.
      due.all ||= asked.all;
      due.changed ||= asked.changed;
      for (const name of asked.names) due.names.add(name);
    })
    .finally(() => {
      const wrong = trouble.value;
      setTimeout(
        () => {
          loading = undefined;
          const isDue = due.all || due.changed || due.names.size > 0;
          if (isDue && (!wrong || mayPass(wrong))) void load();
        },
        Math.max((performance.now() - from) * PAUSE, wrong ? AGAIN_MS : 0),
      );
    });
  return loading;
}

/** Loads them all. */
export function loadMachines(): Promise<void> {
  due.all = true;
  return load();
}

/** Shows at once what a change answered; undefined: it is no longer there. */
export function put(name: string, machine: Machine | undefined): void {
  if (!machines.value) return;
  const base = new Map(before);
  if (!machine) base.delete(name);
  keep(machine ? [machine] : [], base);
}

/** These say nothing of machines, or come with others that do. */
const NOTHING = ["reservation.queued", "reservation.planned", "reservation.booked", "reservation.wanted"];
/** So many are asked for by name; for more, all are loaded. */
const MOST_NAMES = 20;

/** A new end, which the event has; one of others is somewhere in the pool. */
function onExtended({ object, details }: Heard): void {
  const to = details?.to;
  if (!object || typeof to !== "string") {
    wholeTimer ??= setTimeout(() => void loadMachines(), WHOLE_MS);
    return;
  }
  const its = (machines.value ?? []).filter(({ holder }) => holder?.id === object);
  if (its.length > 0)
    keep(
      its.map((one) => ({ ...one, reservation_ends_at: to, reserved_until: to })),
      before,
    );
}

/** What an event is about is loaded again, rather than all machines. */
hear((events) => {
  if (events === "all") return void loadMachines();
  const about = events.filter(
    ({ action }) => /^(machine|reservation)\./.test(action) && !NOTHING.includes(action),
  );
  if (about.length === 0 || !machines.value) return;
  if (machines.value.length <= SMALL) return void loadMachines();
  for (const event of about) {
    const { action, object } = event;
    if (action === "reservation.extended") onExtended(event);
    else if ((action === "machine.changed" || action === "machine.removed") && object) due.names.add(object);
    else due.changed = true;
  }
  if (due.names.size > MOST_NAMES) due.all = true;
  if (due.all || due.changed || due.names.size > 0) void load();
});
