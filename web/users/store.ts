// The users and their tokens, kept up to date by the stream while their page is open.
import { computed, signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { type Place, readAll } from "../data/pages.ts";

const MOST = 1000;
const readUsers = (place: Place) => ask(api.users.get({ query: { limit: MOST, ...place } }));
const readTokens = (place: Place) => ask(api.tokens.get({ query: { limit: MOST, ...place } }));

export type User = Awaited<ReturnType<typeof readUsers>>["users"][number];
export type Token = Awaited<ReturnType<typeof readTokens>>["tokens"][number];
export type Role = User["role"];

/** undefined: not loaded yet */
export const users = signal<User[] | undefined>(undefined);
export const tokens = signal<Token[] | undefined>(undefined);
export const trouble = signal<Refusal | undefined>(undefined);

/** What was just done. */
export const notice = signal("");
/** The token that was just made: it is shown only this once. */
export const newToken = signal<(Token & { token: string }) | undefined>(undefined);
/** What is being asked about whom. */
export const asking = signal<
  { what: "change" | "delete"; name: string } | { what: "revoke"; id: string } | undefined
>(undefined);
export const closeQuestion = (): void => {
  asking.value = undefined;
};

export const name = signal("");
const part = computed(() => name.value.toLowerCase());
export const shownUsers = computed(() =>
  (users.value ?? []).filter((one) => one.name.toLowerCase().includes(part.value)),
);
export const shownTokens = computed(() =>
  (tokens.value ?? []).filter((one) => `${one.user} ${one.name}`.toLowerCase().includes(part.value)),
);

let loading: Promise<void> | undefined;
let again = false;

/** Loads both, once at a time. */
export function load(): Promise<void> {
  again = loading !== undefined;
  loading ??= Promise.all([readAll(readUsers), readAll(readTokens)])
    .then(([ofUsers, ofTokens]) => {
      users.value = ofUsers.flatMap((page) => page.users);
      tokens.value = ofTokens.flatMap((page) => page.tokens);
      trouble.value = undefined;
    })
    .catch((error) => {
      trouble.value = refusalOf(error);
      if (mayPass(trouble.value)) setTimeout(load, AGAIN_MS);
    })
    .finally(() => {
      loading = undefined;
      if (again) void load();
    });
  return loading;
}
