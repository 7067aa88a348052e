// The machines, kept up to date by the stream.
import { computed, signal } from "@preact/signals";
import { api, ask, type Refusal, refusalOf } from "./api.ts";
import { hear } from "./stream.ts";

const readPage = (query: { cursor?: string; where?: string }) => ask(api.machines.get({ query }));
export type Machine = Awaited<ReturnType<typeof readPage>>["machines"][number];

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

/** All machines, or those that a label expression means. @throws Refusal */
export async function readMachines(where?: string): Promise<Machine[]> {
  const all: Machine[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await readPage({ ...(where ? { where } : {}), ...(cursor ? { cursor } : {}) });
    all.push(...page.machines);
    cursor = page.next;
    if (cursor === undefined) return all;
  }
}

/** Machines that haven't changed stay the same objects, so that only the others are drawn again. */
let before = new Map<string, { text: string; machine: Machine }>();
function sameIfUnchanged(all: Machine[]): Machine[] {
  const next: typeof before = new Map();
  for (const machine of all) {
    const text = JSON.stringify(machine);
    const known = before.get(machine.name);
    next.set(machine.name, known?.text === text ? known : { text, machine });
  }
  before = next;
  return [...next.values()].map(({ machine }) => machine);
}

/** Pauses between two loads, as a multiple of what one takes: a large pool that is busy is not asked without end. */
const PAUSE = 3;
let loading: Promise<void> | undefined;
let again = false;

/** Loads them, once at a time. */
export function loadMachines(): Promise<void> {
  if (loading) {
    again = true;
    return loading;
  }
  const from = performance.now();
  loading = readMachines()
    .then((all) => {
      machines.value = sameIfUnchanged(all);
      trouble.value = undefined;
    })
    .catch((error) => {
      trouble.value = refusalOf(error);
    })
    .finally(() => {
      setTimeout(
        () => {
          loading = undefined;
          if (again) void loadMachines();
          again = false;
        },
        (performance.now() - from) * PAUSE,
      );
    });
  return loading;
}

hear((events) => {
  if (events === "all" || events.some(({ action }) => /^(machine|reservation)/.test(action)))
    void loadMachines();
});
