import { type Client, clientOf } from "../../packages/client/client.ts";
import { learn } from "./clock.ts";
import { keepAll } from "./kept.ts";

/** A field that an error is about. */
export interface Detail {
  field: string;
  message: string;
  next_at?: string;
  until?: string;
}

/** What the API said instead of doing it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: Detail[];
  constructor(status: number, code: string, message: string, details: Detail[] = []) {
    super(message);
    [this.status, this.code, this.details] = [status, code, details];
  }
}

/** Code of a Refusal that the API had no part in. */
export const NO_ANSWER = "no_answer";

let csrf = "";
/** What every change made with the session needs. */
export function useCsrf(value: string): void {
  csrf = value;
}

async function timed(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const sent = performance.now();
  const response = await fetch(input, init);
  learn(sent, performance.now(), response.headers.get("date"));
  return response;
}

/** Whether a file can be downloaded, without downloading it. */
export async function canGet(address: string): Promise<boolean> {
  const response = await timed(address, { method: "HEAD" });
  await response.text(); // There is none; but a response that is not read counts as one that failed.
  return response.ok;
}

export const api: Client = clientOf(location.origin, {
  headers: () => (csrf ? { "X-CSRF-Token": csrf } : {}),
  fetch: timed as typeof fetch,
});

interface Answer {
  data: unknown;
  error: { value: unknown } | null;
  status: number;
}

/** What the API answered. @throws Refusal */
export async function ask<A extends Answer>(request: Promise<A>): Promise<NonNullable<A["data"]>> {
  const { data, error, status } = await request;
  if (!error) return data as NonNullable<A["data"]>;
  const { error: words, code, details } = (error.value ?? {}) as Record<string, unknown>;
  // nginx's own: no API answered.
  if (typeof words !== "string" || code === "upstream_unavailable") throw new Refusal(status, NO_ANSWER, "");
  throw new Refusal(status, String(code), words, details as Detail[] | undefined);
}

/** Whether a refusal may pass by itself: no answer, an API that is being started, a limit of requests. */
export const mayPass = ({ status, code }: Refusal): boolean =>
  status === 0 || status === 429 || status >= 500 || code === NO_ANSWER;
/** When to ask again, then. */
export const AGAIN_MS = 2000;

/** To the log-in page, and back here afterwards. */
export function toLogin(): void {
  keepAll();
  location.assign(`/login?to=${location.pathname}`);
}

/** What went wrong, for a page to show. @param leave goes to the log-in page if nobody is logged in any more */
export function refusalOf(error: unknown, leave = true): Refusal {
  if (error instanceof Refusal) {
    if (leave && error.status === 401) toLogin();
    return error;
  }
  return new Refusal(0, "page_error", error instanceof Error ? error.message : String(error));
}

/** Does what nobody has asked for at a button, and again while it is refused for what may pass. */
export async function insist(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (mayPass(refusalOf(error))) setTimeout(insist, AGAIN_MS, work);
  }
}
