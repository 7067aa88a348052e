import { kinds, labels, name, shown, toggle, wrongLabels } from "../data/filter.ts";
import { counts, KINDS, machines } from "../data/machines.ts";
import { text } from "../text/text.ts";
import { Shape } from "./badge.tsx";
import { Field } from "./field.tsx";

/** How many there are of each kind; each is a filter. */
export const Counts = () => (
  <fieldset class="counts">
    <legend class="unseen">{text.pool.counts}</legend>
    {KINDS.filter((kind) => kind !== "removing" || counts.value.removing > 0).map((kind) => (
      <button
        key={kind}
        type="button"
        class={`count is-${kind}`}
        aria-pressed={kinds.value.has(kind)}
        onClick={() => toggle(kind)}
      >
        <Shape kind={kind} />
        <b>{machines.value ? counts.value[kind] : "–"}</b> {text.kinds[kind]}
      </button>
    ))}
  </fieldset>
);

export const Filter = () => (
  <search class="filter" aria-label={text.pool.filter}>
    <Field
      label={text.pool.name}
      type="search"
      value={name.value}
      onValue={(value) => {
        name.value = value;
      }}
    />
    <Field
      label={text.pool.labels}
      type="search"
      value={labels.value}
      placeholder={text.pool.labelsHint}
      error={wrongLabels.value}
      onValue={(value) => {
        labels.value = value;
      }}
    />
    <p class="quiet" role="status">
      {machines.value && text.pool.shown(shown.value.length, machines.value.length)}
    </p>
  </search>
);
