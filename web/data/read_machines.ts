import { api, ask, Refusal } from "./api.ts";
import { type Place, readAll } from "./pages.ts";

const readPage = (query: Which & Place) => ask(api.machines.get({ query }));
export type Machine = Awaited<ReturnType<typeof readPage>>["machines"][number];

interface Which {
  /** a label expression */
  where?: string;
  /** an instant: those that have entered their state since then */
  changed_since?: string;
}

/** All machines, or some of them. @throws Refusal */
export async function readMachines(which: Which = {}): Promise<Machine[]> {
  const pages = await readAll((place) => readPage({ ...which, ...place }));
  return pages.flatMap(({ machines }) => machines);
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
