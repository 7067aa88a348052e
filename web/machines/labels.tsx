import { useSignal } from "@preact/signals";
import type { Machine } from "../data/machines.ts";
import { type Errors, errorsOf, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { change, closeQuestion } from "./change.ts";
import { labelsIn, twiceIn } from "./lines.ts";

const words = text.machines;

/** A line for each label. */
const linesOf = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
    .join("\n");

export function EditLabels({ machine: { name, labels } }: { machine: Machine }) {
  const typed = useSignal(linesOf(labels));
  const busy = useSignal(false);
  const errors = useSignal<Errors>({});
  const save = async () => {
    const lines = typed.value.split("\n");
    const twice = twiceIn(lines);
    if (twice !== undefined) {
      errors.value = { labels: words.twice(twice) };
      return;
    }
    busy.value = true;
    try {
      await change(name, { labels: labelsIn(lines) });
      closeQuestion();
    } catch (error) {
      errors.value = errorsOf(error, ["labels"]);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog
      title={words.labelsTitle(name)}
      act={words.saveLabels}
      kind="main"
      busy={busy.value}
      onAct={save}
      onClose={closeQuestion}
    >
      <Field
        label={words.labels}
        lines={6}
        hint={words.labelsLines}
        value={typed.value}
        error={errors.value.labels}
        onValue={(value) => {
          [typed.value, errors.value] = [value, {}];
        }}
      />
      <Wrong>{errors.value[""]}</Wrong>
    </Dialog>
  );
}
