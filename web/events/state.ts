// The events that match the filter, newest first: loaded by pages, and kept up to date by the stream.
import { batch, computed, effect, signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { hear } from "../data/stream.ts";

const PAGE = 100;

export const filter = {
  actor: signal(""),
  action: signal(""),
  object: signal(""),
  /** as the browser's fields have them: local, without a zone */
  from: signal(""),
  to: signal(""),
};
type Field = keyof typeof filter;
const FIELDS = Object.keys(filter) as Field[];

/** A time that isn't one is for the API to refuse. */
function instantIn(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}
const asked = computed(() => {
  const query: Partial<Record<Field, string>> = {};
  for (const field of FIELDS) {
    const words = filter[field].value.trim();
    if (words !== "") query[field] = field === "from" || field === "to" ? instantIn(words) : words;
  }
  return query;
});
export const isFiltered = computed(() => Object.keys(asked.value).length > 0);
export function clear(): void {
  batch(() => {
    for (const field of FIELDS) filter[field].value = "";
  });
}
/** What asks for a file with all that match, and its address. */
export const queryOf = (format: "csv" | "jsonl") => ({ ...asked.value, format });
export const fileOf = (format: "csv" | "jsonl") => `/events?${new URLSearchParams(queryOf(format))}`;

/** What the list that is shown was asked for: while somebody types, it isn't what the filter says. */
let shown = asked.value;
const read = (query: typeof shown, cursor?: string) =>
  ask(api.events.get({ query: { ...query, limit: PAGE, ...(cursor ? { cursor } : {}) } }));
export type Event = Awaited<ReturnType<typeof read>>["events"][number];

/** undefined: not loaded yet */
export const events = signal<Event[] | undefined>(undefined);
/** New ones that are not shown yet: somebody reads what is below. */
export const waiting = signal<Event[]>([]);
const older = signal<string | undefined>(undefined);
export const hasOlder = computed(() => older.value !== undefined);
export const isLoading = signal(false);
export const trouble = signal<Refusal | undefined>(undefined);

let turn = 0;
/** Loads the newest, instead of what is there. */
export async function load(): Promise<void> {
  const mine = ++turn;
  isLoading.value = true;
  try {
    const query = asked.value;
    const page = await read(query);
    if (mine !== turn) return;
    shown = query;
    hasGap = false;
    batch(() => {
      [events.value, older.value, waiting.value] = [page.events, page.next, []];
      trouble.value = undefined;
    });
  } catch (error) {
    if (mine !== turn) return;
    trouble.value = refusalOf(error);
    if (mayPass(trouble.value)) setTimeout(() => mine === turn && void load(), AGAIN_MS);
  } finally {
    if (mine === turn) isLoading.value = false;
  }
}

export async function loadOlder(): Promise<void> {
  const cursor = older.value;
  if (cursor === undefined || isLoading.value) return;
  const mine = turn;
  isLoading.value = true;
  try {
    const page = await read(shown, cursor);
    if (mine !== turn) return;
    batch(() => {
      events.value = [...(events.value ?? []), ...page.events];
      older.value = page.next;
      // With the rows: whoever sees them may ask for more.
      isLoading.value = false;
      trouble.value = undefined;
    });
  } catch (error) {
    trouble.value = refusalOf(error);
  } finally {
    if (mine === turn) isLoading.value = false;
  }
}

/** Newest first; one that was committed late goes where it belongs. */
const merged = (news: Event[], known: Event[]) => [...news, ...known].sort((a, b) => b.id - a.id);

/** So many are new that some are missing between them and those that are shown. */
let hasGap = false;
/** Shows the new ones. @param news besides those that wait */
export function show(news: Event[] = []): void {
  if (hasGap) return void load();
  batch(() => {
    events.value = merged([...news, ...waiting.value], events.value ?? []);
    waiting.value = [];
  });
}

/** Loads what is new. @param isRead whether somebody reads: then nothing may move */
async function refresh(isRead: () => boolean): Promise<void> {
  if (!events.value) return load();
  const mine = turn;
  const page = await read(shown);
  if (mine !== turn) return;
  // Older ones may have been loaded meanwhile.
  const known = events.value;
  const ids = new Set([...known, ...waiting.value].map(({ id }) => id));
  const oldest = older.value === undefined ? 0 : (known.at(-1)?.id ?? 0);
  const news = page.events.filter(({ id }) => id > oldest && !ids.has(id));
  if (news.length === 0) return;
  hasGap ||= news.length === PAGE && page.next !== undefined;
  if (isRead()) waiting.value = merged(news, waiting.value);
  else show(news);
}

const TYPING_MS = 250;
/** While the page is open. */
export function follow(isRead: () => boolean): () => void {
  let [isBusy, again] = [false, false];
  const look = async () => {
    again = isBusy;
    if (isBusy) return;
    isBusy = true;
    await refresh(isRead).catch(() => {}); // the next event asks again
    isBusy = false;
    if (again) void look();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFirst = true;
  const stopAsking = effect(() => {
    asked.value; // whatever changes
    clearTimeout(timer);
    timer = setTimeout(load, isFirst ? 0 : TYPING_MS);
    isFirst = false;
  });
  const stopHearing = hear(() => void look());
  return () => {
    clearTimeout(timer);
    stopAsking();
    stopHearing();
  };
}
