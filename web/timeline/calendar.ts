// Who has the machines that are seen, in the time that is shown: GET /calendar, for these rows only.
import { effect, signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { hear } from "../data/stream.ts";
import type { Entry } from "./bars.ts";
import { range } from "./view.ts";

/** By the machine's name; without one, it isn't loaded yet. */
export const calendar = signal<ReadonlyMap<string, Entry[]>>(new Map());
export const trouble = signal<Refusal | undefined>(undefined);

/** Their names must fit into a URL. */
const AT_ONCE = 50;
/** While somebody scrolls, one request asks for what several steps have brought. */
const SETTLE_MS = 60;
/** Pauses after a load, as a multiple of what it takes: a pool that is busy is not asked without end. */
const PAUSE = 2;

let wanted: string[] = [];
/** What may have changed since it was loaded. */
let stale = new Set<string>();
let isBusy = false;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Loads that began before the range changed, end in nothing. */
let generation = 0;

async function read(names: string[]): Promise<[string, Entry[]][]> {
  const { from, to } = range.peek();
  const query = {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    machines: names.join(","),
  };
  const { machines } = await ask(api.calendar.get({ query }));
  const found = new Map(machines.map(({ machine, commitments }) => [machine, commitments]));
  // One that is no longer in the pool has nothing.
  return names.map((name) => [name, found.get(name) ?? []]);
}

async function load(): Promise<void> {
  const names = wanted.filter((name) => stale.has(name) || !calendar.peek().has(name));
  if (names.length === 0) return;
  const its = generation;
  const parts: string[][] = [];
  for (let n = 0; n < names.length; n += AT_ONCE) parts.push(names.slice(n, n + AT_ONCE));
  for (const name of names) stale.delete(name);
  try {
    const found = (await Promise.all(parts.map(read))).flat();
    if (its !== generation) return;
    calendar.value = new Map([...calendar.peek(), ...found]);
    trouble.value = undefined;
  } catch (error) {
    for (const name of names) stale.add(name);
    trouble.value = refusalOf(error);
  }
}

function soon(ms: number): void {
  if (isBusy || timer !== undefined) return;
  timer = setTimeout(async () => {
    timer = undefined;
    isBusy = true;
    const from = performance.now();
    await load();
    const took = performance.now() - from;
    isBusy = false;
    const isMissing = wanted.some((name) => stale.has(name) || !calendar.peek().has(name));
    const wrong = trouble.peek();
    if (!isMissing || (wrong && !mayPass(wrong))) return;
    soon(wrong ? AGAIN_MS : Math.max(SETTLE_MS, took * PAUSE));
  }, ms);
}

/** Says which machines are seen. */
export function want(names: string[]): void {
  wanted = names;
  soon(SETTLE_MS);
}

/** Loads what is seen again; what isn't, when it is. */
export function reload(): void {
  const seen = new Set(wanted);
  stale = new Set(wanted);
  calendar.value = new Map([...calendar.peek()].filter(([name]) => seen.has(name)));
  trouble.value = undefined;
  soon(0);
}

effect(() => {
  range.value;
  generation++;
  stale = new Set();
  calendar.value = new Map();
  soon(0);
});

hear((events) => {
  if (events === "all" || events.some(({ action }) => /^(machine|reservation|series)/.test(action))) reload();
});
