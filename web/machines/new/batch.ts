// Registering the machines of a file. Its lines contain passwords: they are kept until they have done their work, and never shown.
import { computed, signal } from "@preact/signals";
import { api, ask, NO_ANSWER, type Refusal, refusalOf } from "../../data/api.ts";
import { put } from "../../data/machines.ts";
import { wordsOf } from "../../parts/act.tsx";
import { text } from "../../text/text.ts";
import { type NewMachine, parseLine } from "../lines.ts";

const words = text.machines.imported;

export type Verdict = "waiting" | "busy" | "added" | "ill" | "there" | "failed";
export interface Line {
  number: number;
  /** as far as it can be read */
  name: string;
  verdict: Verdict;
  /** of the API, or why the line can't be read */
  said: string;
}

export const fileName = signal("");
export const lines = signal<readonly Line[]>([]);
/** What is still to be registered, by line number. */
const wanted = new Map<number, NewMachine>();

export const isBusy = computed(() =>
  lines.value.some(({ verdict }) => ["waiting", "busy"].includes(verdict)),
);
export const tally = computed(() => {
  const of = (...verdicts: Verdict[]) => lines.value.filter((one) => verdicts.includes(one.verdict)).length;
  return { added: of("added", "ill"), there: of("there"), failed: of("failed"), left: of("waiting", "busy") };
});
/** Those that another try may help. */
export const mayTryAgain = computed(() =>
  lines.value.some(({ number, verdict }) => verdict === "failed" && wanted.has(number)),
);

function report(number: number, verdict: Verdict, said = ""): void {
  if (["added", "ill", "there"].includes(verdict)) wanted.delete(number);
  lines.value = lines.value.map((one) => (one.number === number ? { ...one, verdict, said } : one));
}

/** In parallel: the API contacts each machine, and a dead one is slow. */
const LANES = 4;
const PAUSE_MS = 1000;
const MOST_TRIES = 60;

/** Registers one; repeats while the API says "not just now". A repeat is safe: a name can only be taken once. */
async function add(machine: NewMachine) {
  for (let tries = 1; ; tries++)
    try {
      return await ask(api.machines.post(machine));
    } catch (error) {
      const { status } = refusalOf(error);
      if (
        ![429, 502, 503, 504].includes(status) ||
        refusalOf(error).code === NO_ANSWER ||
        tries >= MOST_TRIES
      )
        throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
}

/** The same machine, from an earlier try, is fine; another one of that name is not. */
async function isThere({ name, host, port }: NewMachine): Promise<boolean> {
  const known = await ask(api.machines({ name }).get());
  return known.host.toLowerCase() === host.toLowerCase() && known.port === port;
}

async function registerLine(number: number, machine: NewMachine): Promise<void> {
  report(number, "busy");
  try {
    const made = await add(machine);
    if (!("name" in made)) return;
    const { removed_dirty: _, ...plain } = made;
    put(made.name, plain);
    if (made.state === "quarantined") report(number, "ill", made.last_error ?? "");
    else report(number, "added", made.host_key_fingerprint ?? "");
  } catch (error) {
    const { code } = error as Refusal;
    const there = code === "machine_exists" && (await isThere(machine).catch(() => false));
    report(number, there ? "there" : "failed", there ? "" : wordsOf(error));
  }
}

async function run(): Promise<void> {
  const next = lines.value.filter(({ verdict }) => verdict === "waiting").map(({ number }) => number);
  const lane = async () => {
    for (let number = next.shift(); number !== undefined; number = next.shift()) {
      const machine = wanted.get(number);
      if (machine) await registerLine(number, machine);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Registers every line of a file. */
export async function readFile(file: File): Promise<void> {
  if (isBusy.value) return;
  const all = (await file.text()).split("\n");
  wanted.clear();
  fileName.value = file.name;
  lines.value = all.flatMap((line, index): Line[] => {
    if (line.trim() === "" || line.trim().startsWith("#")) return [];
    const number = index + 1;
    const machine = parseLine(line);
    if (typeof machine === "string") return [{ number, name: "", verdict: "failed", said: machine }];
    wanted.set(number, machine);
    return [{ number, name: machine.name, verdict: "waiting", said: "" }];
  });
  await run();
}

/** Tries those again that failed. */
export async function tryFailed(): Promise<void> {
  lines.value = lines.value.map((one) =>
    one.verdict === "failed" && wanted.has(one.number) ? { ...one, verdict: "waiting" } : one,
  );
  await run();
}

export const summary = computed(() =>
  isBusy.value ? words.going(tally.value.left) : words.done(tally.value),
);
