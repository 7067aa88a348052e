import { Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { chooseDays, chosenDays, fileOf, first, last, trouble } from "./state.ts";

const words = text.usage;
const errorOf = (field: string) => trouble.value?.details.find((one) => one.field === field)?.message;

/** Which days: the last ones, or from one to another. */
export const RangeChoice = () => (
  <search class="range" aria-label={words.range}>
    <fieldset class="presets">
      <legend class="unseen">{words.lastDays}</legend>
      {[7, 30, 90, 365].map((days) => (
        <button
          key={days}
          type="button"
          class="count"
          aria-pressed={chosenDays.value === days}
          onClick={() => chooseDays(days)}
        >
          {words.days(days)}
        </button>
      ))}
    </fieldset>
    <Field
      label={words.from}
      type="date"
      value={first.value}
      error={errorOf("from")}
      onValue={(value) => {
        first.value = value;
      }}
    />
    <Field
      label={words.to}
      type="date"
      value={last.value}
      error={errorOf("to")}
      onValue={(value) => {
        last.value = value;
      }}
    />
    <a class="button" href={fileOf("day")} download>
      {words.downloadDays}
    </a>
  </search>
);
