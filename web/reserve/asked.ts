// What the forms that ask for machines have in common: for now, for later, and for every week.
import { effect, type Signal } from "@preact/signals";
import { mayPass, type Refusal } from "../data/api.ts";
import { session } from "../data/session.ts";

/** A user's account usually has their own name. */
export function suggestName(username: Signal<string>): void {
  effect(() => {
    const name = session.value?.user ?? "";
    if (username.peek() === "" && /^[a-z_][a-z0-9_-]{0,31}$/.test(name)) username.value = name;
  });
}

/** For a dry run before a name is typed: names have no part in what is free. */
export const someName = (username: Signal<string>): string =>
  username.value.trim() || session.value?.user || "somebody";

/** The Idempotency-Key of a request whose outcome isn't known: a repeat gets the same reservation, or series. */
export function keysOf() {
  let open: { key: string; body: string } | undefined;
  return {
    keyFor(what: unknown): string {
      const body = JSON.stringify(what);
      if (open?.body !== body) open = { key: crypto.randomUUID(), body };
      return open.key;
    },
    /** @param refusal why it was refused; undefined: it was done */
    settle(refusal?: Refusal): void {
      if (!refusal || !mayPass(refusal)) open = undefined;
    },
  };
}

/** With what one logs in. */
export interface AccessForm {
  access: Signal<"made" | "own" | "key">;
  password: Signal<string>;
  keys: Signal<string>;
}

export function accessIn({ access, password, keys }: AccessForm) {
  if (access.value === "own") return { password: password.value };
  if (access.value === "made") return {};
  return {
    ssh_public_keys: keys.value
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean),
  };
}
