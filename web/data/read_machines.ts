import { api, ask, Refusal } from "./api.ts";

const readPage = (query: { cursor?: string; where?: string; changed_since?: string }) =>
  ask(api.machines.get({ query }));
export type Machine = Awaited<ReturnType<typeof readPage>>["machines"][number];

interface Which {
  /** a label expression */
  where?: string;
  /** an instant: those that have entered their state since then */
  changed_since?: string;
}

/** All machines, or some of them. @throws Refusal */
export async function readMachines(which: Which = {}): Promise<Machine[]> {
  const all: Machine[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await readPage({ ...which, ...(cursor ? { cursor } : {}) });
    all.push(...page.machines);
    cursor = page.next;
    if (cursor === undefined) return all;
  }
}

/** One by its name; undefined: there is none any more. @throws Refusal */
export async function readMachine(name: string): Promise<Machine | undefined> {
  try {
    return await ask(api.machines({ name }).get());
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return undefined;
    throw error;
  }
}
