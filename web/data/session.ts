import { computed, signal } from "@preact/signals";
import { api, ask, Refusal, toLogin, useCsrf } from "./api.ts";

export type Session = Awaited<ReturnType<typeof readSession>>;
const readSession = () => ask(api.session.get());

/** Whether this API asks nobody who they are. */
export const isOpen = signal(document.documentElement.hasAttribute("data-open"));
/** Who is logged in; undefined: not known yet, or nobody in an open API. */
export const session = signal<Session | undefined>(undefined);

const role = computed(() => (isOpen.value ? "admin" : session.value?.role));
export const isAdmin = computed(() => role.value === "admin");
/** Whether they may change anything. */
export const mayReserve = computed(() => role.value === "user" || role.value === "admin");

const WHO = "who";
/** What this tab has kept (what was typed, and which reservations it made) is for whoever it was kept for. */
export function forgetOthers({ user, name }: Pick<Session, "user" | "name">): void {
  const who = user ?? name;
  if ((sessionStorage.getItem(WHO) ?? who) !== who) sessionStorage.clear();
  sessionStorage.setItem(WHO, who);
}

/** Learns who is logged in. Without a session, leads to the log-in page. */
export async function loadSession(): Promise<void> {
  if (isOpen.value) return;
  try {
    const found = await readSession();
    useCsrf(found.csrf);
    forgetOthers(found);
    session.value = found;
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401) throw error;
    // An old cookie, while the API asks for no login?
    const { status } = await api.available.get({ query: { limit: 1 } });
    if (status === 200) isOpen.value = true;
    else toLogin();
  }
}
