// The reservations of whoever is at this page: a user's own, and what this tab has made.
//
// A password that was made for one is told once, to whoever asks first with GET /reservations/:id. So only the tab that made
// a reservation asks that way, or somebody who wants to see the password; the others read it from the list.
import { effect, signal } from "@preact/signals";
import { api, ask, insist, Refusal } from "./api.ts";
import { session } from "./session.ts";
import { type Heard, hear } from "./stream.ts";

const readWithPassword = (id: string) => ask(api.reservations({ id }).get());
export type Reservation = Awaited<ReturnType<typeof readWithPassword>>;

/** By id, the newest first. */
export const mine = signal<Map<string, Reservation>>(new Map());
/** By id. Shown once, so only this page has them: gone when it is closed. */
export const passwords = signal<Map<string, string>>(new Map());
/** Changes when something was done to a reservation here: a list need not wait for the stream. */
export const done = signal(0);

/** What this tab has made: an open API and ADMIN_TOKEN have no user to tell it by. Ids only, never a password. */
const KEPT = "reservations";
const made = new Set<string>(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));

/** Whether this tab made it, and so has collected its password, or will. */
export const isMadeHere = (id: string): boolean => made.has(id);

/** Whether it is over, or being ended. */
export const isOver = ({ state }: Reservation) => ["ending", "ended", "failed"].includes(state);

function keep(id: string, reservation: Reservation | undefined): void {
  const { password, ...rest } = reservation ?? {};
  if (password) passwords.value = new Map(passwords.value).set(id, password);
  const next = new Map(mine.value);
  if (reservation && !isOver(reservation)) next.set(id, rest as Reservation);
  else if (reservation?.state === "failed" && next.has(id)) next.set(id, rest as Reservation);
  else {
    next.delete(id);
    made.delete(id);
  }
  mine.value = next;
  sessionStorage.setItem(KEPT, JSON.stringify([...made]));
}

/** A reservation that was just made here. */
export function add(reservation: Reservation): void {
  made.add(reservation.id);
  keep(reservation.id, reservation);
}

/** Removes one from the page. */
export const forget = (id: string): void => keep(id, undefined);

/** Reads any one, and leaves its password to whoever asks for that. @throws Refusal */
export async function view(id: string): Promise<Reservation> {
  const { reservations } = await ask(api.reservations.get({ query: { id } }));
  const [found] = reservations;
  if (!found) throw new Refusal(404, "reservation_not_found", "");
  return found;
}

/** Asks for the password that was made for it. @returns whether there was one to be told */
export async function collect(id: string): Promise<boolean> {
  const { password } = await readWithPassword(id);
  if (password) passwords.value = new Map(passwords.value).set(id, password);
  return password !== undefined;
}

/** Loads one again, if it is of those that this page keeps. */
export async function refresh(id: string): Promise<void> {
  done.value++;
  if (mine.value.has(id) || made.has(id)) await insist(() => load(id));
}

/** @throws Refusal */
async function load(id: string): Promise<void> {
  try {
    keep(id, await (made.has(id) ? readWithPassword(id) : view(id)));
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error;
    keep(id, undefined);
  }
}

/** Loads those of the user who is logged in, and this tab's. @throws Refusal */
export async function loadMine(): Promise<void> {
  const ids = new Set([...made, ...mine.value.keys()]);
  const user = session.value?.user;
  if (user) {
    const query = { user, state: "queued,booked,preparing,active" };
    const { reservations } = await ask(api.reservations.get({ query }));
    for (const row of reservations.reverse()) {
      if (made.has(row.id)) continue;
      keep(row.id, row);
      ids.delete(row.id);
    }
  }
  await Promise.all([...ids].map(load));
}

/** While this tab asks for one, whose answer brings its password: it is shown with that, and not before. */
export const isMaking = signal(false);
let isMissed = false;
effect(() => {
  if (isMaking.value || !isMissed) return;
  isMissed = false;
  void insist(loadMine);
});

/** Whether it is about a reservation of whoever is here: also one that was made in another tab, or by a program of theirs. */
function isOurs({ action, object, actor }: Heard): boolean {
  if (!action.startsWith("reservation.") || !object) return false;
  if (mine.value.has(object) || made.has(object)) return true;
  const user = session.value?.user;
  // Only admins are told of everybody's.
  return Boolean(user) && (actor === undefined || actor.startsWith(`${user}/`));
}

hear((events) => {
  if (events === "all") return void insist(loadMine);
  const ids = new Set(events.filter(isOurs).map(({ object }) => object as string));
  const isNew = [...ids].some((id) => !mine.value.has(id) && !made.has(id));
  if (isNew && isMaking.value) isMissed = true;
  else if (isNew) return void insist(loadMine);
  for (const id of ids) if (mine.value.has(id) || made.has(id)) void insist(() => load(id));
});
