// The lists of the page Reservations, each loaded by pages and kept up to date by the stream while the page is open.
import { type Signal, signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { readFirst } from "../data/pages.ts";
import { done, type Reservation } from "../data/reservations.ts";
import { session } from "../data/session.ts";
import { type Heard, hear } from "../data/stream.ts";

/** Whose: one's own, or everybody's, which admins may see. */
export const whose = signal<"mine" | "all">("mine");

const STEP = 50;
/** Pauses between two loads, as a multiple of what one takes, and at least so long. */
const PAUSE = 3;
const PAUSE_MS = 200;

export interface List {
  /** undefined: not loaded yet */
  rows: Signal<Reservation[] | undefined>;
  hasMore: Signal<boolean>;
  isLoading: Signal<boolean>;
  trouble: Signal<Refusal | undefined>;
  /** Loads as many as are shown, once at a time. */
  load(): void;
  more(): void;
  /** Begins again: it is about others now. */
  reset(): void;
}

/** @param rank sorts what is loaded; undefined: the newest first */
function listOf(state: string, rank?: (one: Reservation) => number): List {
  const rows = signal<Reservation[] | undefined>(undefined);
  const [hasMore, isLoading] = [signal(false), signal(false)];
  const trouble = signal<Refusal | undefined>(undefined);
  let most = STEP;
  let [again, turn] = [false, 0];

  function read() {
    const user = session.value?.user;
    const query = { state, ...(whose.value === "mine" && user ? { user } : {}) };
    return readFirst<Reservation>(most, async (place) => {
      const { reservations, next } = await ask(api.reservations.get({ query: { ...query, ...place } }));
      return { items: reservations, next };
    });
  }

  async function load(): Promise<void> {
    if (isLoading.value) {
      again = true;
      return;
    }
    const [mine, from] = [turn, performance.now()];
    isLoading.value = true;
    try {
      const { found, isAll } = await read();
      if (mine === turn) {
        if (rank) found.sort((a, b) => rank(a) - rank(b));
        [rows.value, hasMore.value, trouble.value] = [found, !isAll, undefined];
      }
    } catch (error) {
      if (mine === turn) trouble.value = refusalOf(error);
    }
    const wrong = mine === turn ? trouble.value : undefined;
    again ||= wrong !== undefined && mayPass(wrong);
    const least = wrong ? AGAIN_MS : PAUSE_MS;
    const pause = mine === turn ? Math.max(least, (performance.now() - from) * PAUSE) : 0;
    setTimeout(() => {
      isLoading.value = false;
      if (again) void load();
      again = false;
    }, pause);
  }

  return {
    rows,
    hasMore,
    isLoading,
    trouble,
    load: () => void load(),
    more() {
      most += STEP * 2;
      void load();
    },
    reset() {
      [most, rows.value, trouble.value, hasMore.value] = [STEP, undefined, undefined, false];
      turn++;
      void load();
    },
  };
}

const at = (instant: string | null) => (instant === null ? Number.MAX_VALUE : Date.parse(instant));

/** Have machines: the next to end first. */
export const held = listOf("preparing,active,ending", (one) => at(one.ends_at));
/** Wait, or are booked: the next to start first. */
export const coming = listOf("queued,booked", (one) => one.position ?? at(one.starts_at));
/** Are over: the newest first. */
export const over = listOf("ended,failed");
const ALL = [held, coming, over];

export const resetAll = (): void => {
  for (const list of ALL) list.reset();
};

const ENDS = ["reservation.ended", "reservation.failed", "reservation.confirmed", "series.ended"];

function onEvents(events: Heard[] | "all"): void {
  if (events === "all") {
    for (const list of ALL) list.load();
    return;
  }
  const about = events.filter(({ action }) => /^(reservation|series)\./.test(action));
  // Of others' reservations, one is told only that something happened: one's place in the queue may be another.
  const own = about.filter(({ object }) => object);
  // The last machine of one that is ending may be clean now.
  const isEnding = held.rows.value?.some(({ state }) => state === "ending") ?? false;
  const cleaned = isEnding && events.some(({ action }) => action === "machine.cleaned");
  if (about.length > 0) coming.load();
  if (own.length > 0 || cleaned) held.load();
  if (cleaned || own.some(({ action }) => ENDS.includes(action))) over.load();
}

/** Keeps the lists up to date. @returns ends that */
export function followLists(): () => void {
  const first = done.value;
  const ends = [
    hear(onEvents),
    done.subscribe((count) => {
      if (count !== first) for (const list of ALL) list.load();
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
