// What happens, as it happens: GET /stream. Each store says what it loads again for which events.
import { signal } from "@preact/signals";
import { isOpen, loadSession } from "./session.ts";

/** As far as this principal may see it. */
export interface Heard {
  id: string;
  action: string;
  object?: string | null;
  /** only admins are told */
  actor?: string;
  details?: Record<string, unknown>;
}

/** @param events what happened, in its order; "all": anything may have */
type Listener = (events: Heard[] | "all") => void;

export const connection = signal<"connecting" | "live" | "reconnecting">("connecting");

const listeners = new Set<Listener>();
/** Calls a listener from now on. @returns stops that */
export function hear(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
function tell(events: Heard[] | "all"): void {
  for (const listener of listeners)
    try {
      listener(events);
    } catch (error) {
      reportError(error); // one that is broken keeps nothing from the others
    }
}

/** It sends at least a beat every 15 s. */
const SILENT_MS = 40_000;
const AGAIN_MS = 1500;
/** Events of one commit come together. */
const TOGETHER_MS = 30;

let heard: Heard[] = [];
function collect(event: MessageEvent<string>): void {
  heard.push(JSON.parse(event.data));
  if (heard.length > 1) return;
  setTimeout(() => {
    const together = heard;
    heard = [];
    tell(together);
  }, TOGETHER_MS);
}

/** Follows the stream for as long as the page is open. The browser resumes where it was; a new connection loads everything. */
export function follow(): void {
  const source = new EventSource("/stream");
  let last = performance.now();
  let isNew = true;
  const alive = () => {
    last = performance.now();
    connection.value = "live";
  };
  const again = () => {
    source.close();
    clearInterval(watch);
    connection.value = "reconnecting";
    setTimeout(follow, AGAIN_MS);
  };
  const watch = setInterval(() => {
    if (performance.now() - last > SILENT_MS) again();
  }, 5000);
  source.addEventListener("open", () => {
    alive();
    if (isNew) tell("all");
    isNew = false;
  });
  source.addEventListener("beat", alive);
  source.addEventListener("reset", () => tell("all"));
  source.addEventListener("event", (event) => {
    alive();
    collect(event as MessageEvent<string>);
  });
  source.addEventListener("error", () => {
    connection.value = "reconnecting";
    if (source.readyState !== EventSource.CLOSED) return;
    // Refused, rather than broken: perhaps the session is over.
    if (!isOpen.value) loadSession().catch(() => {}); // the next try asks again
    again();
  });
}
