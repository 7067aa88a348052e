import type { Told } from "../../pool/audit/unseen.ts";
import type { Principal } from "../../pool/identity/principal.ts";
import { eventOf } from "../models/event.ts";

const text = new TextEncoder();

/** What happens to machines and reservations concerns everybody; who did it, and to whom, only those who may see that. */
const CONCERNS_ALL = /^(machine|reservation|series)\./;

type Reader = Pick<Principal, "role" | "userId">;

/** An event as somebody may see it; undefined: not at all. */
export function seenBy({ role, userId }: Reader, { row, userId: owner }: Told) {
  if (role === "admin") return eventOf(row);
  if (!CONCERNS_ALL.test(row.action)) return undefined;
  const { id, action, at } = row;
  const occurred_at = at.toISOString();
  if (row.action.startsWith("machine.")) return { id, occurred_at, action, object: row.object };
  // A reason may be in a machine's own words, which only admins see; the reservation itself says it as far as its user may.
  const { reason: _, ...details } = row.details;
  if (userId !== null && owner === userId) return { id, occurred_at, action, object: row.object, details };
  return { id, occurred_at, action };
}

const line = (name: string, value: string) => `${name}: ${value}\n`;

/** Those with the same view get the same bytes: a thousand readers cost little more than one. */
const made = new WeakMap<Told[], Map<string, Uint8Array>>();
const viewOf = ({ role, userId }: Reader, told: Told[]) =>
  role === "admin" ? "admin" : told.some((one) => one.userId !== null && one.userId === userId) ? userId : "";

/**
 * Events as a browser's EventSource reads them (https://html.spec.whatwg.org/multipage/server-sent-events.html). The cursor
 * comes last: a connection that breaks before it repeats them.
 */
export function messageOf(reader: Reader, told: Told[], cursor: string): Uint8Array {
  const ready = made.get(told) ?? new Map<string, Uint8Array>();
  made.set(told, ready);
  const key = `${viewOf(reader, told)} ${cursor}`;
  const known = ready.get(key);
  if (known) return known;
  const seen = told.flatMap((one) => seenBy(reader, one) ?? []);
  const all = seen.map((one) => `${line("event", "event")}${line("data", JSON.stringify(one))}\n`);
  const message = text.encode(`${all.join("")}${line("id", cursor)}\n`);
  ready.set(key, message);
  return message;
}

/** It has missed so much that it should load everything again. */
export const resetOf = (cursor: string): Uint8Array =>
  text.encode(`${line("id", cursor)}${line("event", "reset")}${line("data", "{}")}\n`);

/** Keeps proxies from closing it, and tells the page that it is alive. */
export const BEAT = text.encode(`${line("event", "beat")}${line("data", "{}")}\n`);
/** How soon a browser comes back after the connection broke, in ms. */
export const RETRY = text.encode(`${line("retry", "1000")}\n`);
