// Which machines are shown: by name, by what they are, and by a label expression, which the API evaluates.
import { computed, effect, signal } from "@preact/signals";
import { refusalOf } from "./api.ts";
import { type Kind, kindOf, labelled, machines } from "./machines.ts";
import { readMachines } from "./read_machines.ts";

export const name = signal("");
/** Empty: all of them. */
export const kinds = signal<ReadonlySet<Kind>>(new Set());
export const labels = signal("");
export const wrongLabels = signal("");
/** The names that the label expression means; undefined: there is none. */
const meant = signal<ReadonlySet<string> | undefined>(undefined);

const TYPING_MS = 250;
let timer: ReturnType<typeof setTimeout> | undefined;

async function evaluate(where: string): Promise<void> {
  try {
    const found = await readMachines({ where });
    if (where !== labels.value.trim()) return;
    meant.value = new Set(found.map((one) => one.name));
    wrongLabels.value = "";
  } catch (error) {
    if (where === labels.value.trim()) wrongLabels.value = refusalOf(error).message;
  }
}

effect(() => {
  const where = labels.value.trim();
  labelled.value; // they may mean other machines
  clearTimeout(timer);
  if (where !== "") timer = setTimeout(evaluate, TYPING_MS, where);
  else [meant.value, wrongLabels.value] = [undefined, ""];
});

export const isFiltered = computed(
  () => name.value !== "" || kinds.value.size > 0 || meant.value !== undefined,
);

export const shown = computed(() => {
  const part = name.value.toLowerCase();
  return (machines.value ?? []).filter(
    (one) =>
      one.name.toLowerCase().includes(part) &&
      (kinds.value.size === 0 || kinds.value.has(kindOf(one))) &&
      (meant.value?.has(one.name) ?? true),
  );
});

export function toggle(kind: Kind): void {
  const next = new Set(kinds.value);
  if (!next.delete(kind)) next.add(kind);
  kinds.value = next;
}

export function clear(): void {
  [name.value, labels.value, kinds.value] = ["", "", new Set()];
}
