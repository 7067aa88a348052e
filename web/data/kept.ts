// What was typed into a form survives the way to the log-in page and back: when a session is over, a page leads there.
import type { Signal } from "@preact/signals";

type Fields = Record<string, Signal<string> | Signal<string[]>>;
const forms = new Map<string, Fields>();
const PREFIX = "typed.";

/** Fills in what was typed before. @param fields never with a password */
export function keepTyped(name: string, fields: Fields): void {
  forms.set(name, fields);
  const kept = sessionStorage.getItem(PREFIX + name);
  if (kept === null) return;
  sessionStorage.removeItem(PREFIX + name);
  const values: Record<string, unknown> = JSON.parse(kept);
  for (const [field, value] of Object.entries(fields))
    if (field in values) (value as Signal<unknown>).value = values[field];
}

/** Keeps what is typed, until this tab is back. */
export function keepAll(): void {
  for (const [name, fields] of forms) {
    const values = Object.entries(fields).map(([field, { value }]) => [field, value]);
    sessionStorage.setItem(PREFIX + name, JSON.stringify(Object.fromEntries(values)));
  }
}
