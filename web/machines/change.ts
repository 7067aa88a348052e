// What an admin changes on a machine, and which question is open.
import { signal } from "@preact/signals";
import { api, ask } from "../data/api.ts";
import { type Machine, put } from "../data/machines.ts";
import { text } from "../text/text.ts";

export type Question = "labels" | "key" | "remove";
/** What is being asked about which machine. */
export const asking = signal<{ name: string; what: Question } | undefined>(undefined);
export const closeQuestion = (): void => {
  asking.value = undefined;
};

/** What was just done. */
export const notice = signal("");

type Change = Parameters<ReturnType<typeof api.machines>["patch"]>[0];

/** Changes it, and shows what it is now. @throws Refusal */
export async function change(name: string, what: Change): Promise<Machine> {
  const machine = (await ask(api.machines({ name }).patch(what))) as Machine;
  put(name, machine);
  return machine;
}

/** Tries a quarantined one now, perhaps with something new. @throws Refusal */
export async function tryNow(name: string, what: Partial<Change> = {}): Promise<void> {
  const { state } = await change(name, { ...what, retry: true });
  notice.value = state === "quarantined" ? text.machines.stillIll(name) : text.machines.offered(name);
}

/** Which host key it shows now. @throws Refusal */
export async function shownKey(name: string) {
  const shown = await ask(api.machines({ name }).patch({ retry: true }, { query: { dry_run: true } }));
  if (!("host_key" in shown)) throw new Error("the API sent no host key");
  return shown;
}

/** Removes it from the pool. @throws Refusal */
export async function remove(name: string, force: boolean): Promise<void> {
  const { clean } = await ask(api.machines({ name }).delete(undefined, { query: { force } }));
  put(name, undefined);
  notice.value = clean ? text.machines.removed(name) : text.machines.removedDirty(name);
}
