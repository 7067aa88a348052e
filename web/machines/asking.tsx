import { machines } from "../data/machines.ts";
import { asking } from "./change.ts";
import { Key } from "./key.tsx";
import { EditLabels } from "./labels.tsx";
import { Remove } from "./remove.tsx";

const DIALOGS = { labels: EditLabels, key: Key, remove: Remove };

/** The question that is open, if its machine is still there. */
export function Asking() {
  const open = asking.value;
  const machine = open && machines.value?.find(({ name }) => name === open.name);
  if (!machine) return null;
  const Question = DIALOGS[open.what];
  return <Question key={`${open.what} ${open.name}`} machine={machine} />;
}
