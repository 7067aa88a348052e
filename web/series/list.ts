// The series that somebody may see, and the occurrences of those that are open on the page; kept up to date by the stream.
import { signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { now } from "../data/clock.ts";
import { type Place, readFirst } from "../data/pages.ts";
import { type Heard, hear } from "../data/stream.ts";

const readPage = (query: Place & { limit: number }) => ask(api.series.get({ query }));
const readOne = (id: string) => ask(api.series({ id }).get());
export type Series = Awaited<ReturnType<typeof readPage>>["series"][number];
export type Details = Awaited<ReturnType<typeof readOne>>;
export type Occurrence = Details["occurrences"][number];

/** undefined: not loaded yet */
export const all = signal<Series[] | undefined>(undefined);
export const hasMore = signal(false);
export const trouble = signal<Refusal | undefined>(undefined);
/** By id: those whose occurrences are shown. */
export const details = signal<ReadonlyMap<string, Details>>(new Map());

/** What was just done. */
export const notice = signal("");

export const isOver = ({ ends_at }: Series) => ends_at !== null && Date.parse(ends_at) <= now();

const STEP = 100;
const PAUSE_MS = 300;
let most = STEP;
let [loading, again] = [false, false];

async function read(): Promise<void> {
  const { found, isAll } = await readFirst(most, async (place) => {
    const { series, next } = await readPage(place);
    return { items: series, next };
  });
  hasMore.value = !isAll;
  const next = ({ next_starts_at: at }: Series) => (at === null ? Number.MAX_VALUE : Date.parse(at));
  all.value = found.sort((a, b) => Number(isOver(a)) - Number(isOver(b)) || next(a) - next(b));
  trouble.value = undefined;
}

/** Loads them, once at a time. */
export async function loadSeries(): Promise<void> {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  let pause = PAUSE_MS;
  try {
    await read();
    await Promise.all([...details.value.keys()].map(loadDetails));
  } catch (error) {
    trouble.value = refusalOf(error);
    if (mayPass(trouble.value)) [again, pause] = [true, AGAIN_MS];
  }
  setTimeout(() => {
    loading = false;
    if (again) void loadSeries();
    again = false;
  }, pause);
}

export function showMore(): void {
  most += STEP;
  void loadSeries();
}

/** Loads the occurrences of one. @throws Refusal */
export async function loadDetails(id: string): Promise<void> {
  const found = await readOne(id);
  details.value = new Map(details.value).set(id, found);
}

export function closeDetails(id: string): void {
  const next = new Map(details.value);
  next.delete(id);
  details.value = next;
}

/** Keeps them up to date. @returns ends that */
export const followSeries = (): (() => void) =>
  hear((events: Heard[] | "all") => {
    const isOurs = ({ action, object }: Heard) => /^(series|reservation)\./.test(action) && Boolean(object);
    if (events === "all" || events.some(isOurs)) void loadSeries();
  });
