import { api, ask, canGet } from "../data/api.ts";
import { useAct, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { Select } from "../parts/select.tsx";
import { text } from "../text/text.ts";
import { clear, fileOf, filter, isFiltered, queryOf, trouble } from "./state.ts";

const words = text.events;
const ACTIONS: [string, string][] = [
  ["", words.anyAction],
  ...Object.entries(words.actions).map(([action, meaning]): [string, string] => [
    action,
    `${meaning} (${action})`,
  ]),
];
const errorOf = (field: string) => trouble.value?.details.find((one) => one.field === field)?.message;
const into = (field: keyof typeof filter) => (value: string) => {
  filter[field].value = value;
};

/** What is asked for. */
export const Filter = () => (
  <search class="card event-filter" aria-label={words.filter}>
    <Select label={words.action} value={filter.action.value} choices={ACTIONS} onValue={into("action")} />
    <Field
      label={words.object}
      type="search"
      placeholder={words.objectHint}
      value={filter.object.value}
      error={errorOf("object")}
      onValue={into("object")}
    />
    <Field
      label={words.actor}
      type="search"
      placeholder={words.actorHint}
      value={filter.actor.value}
      error={errorOf("actor")}
      onValue={into("actor")}
    />
    <Field
      label={words.from}
      type="datetime-local"
      value={filter.from.value}
      error={errorOf("from")}
      onValue={into("from")}
    />
    <Field
      label={words.to}
      type="datetime-local"
      value={filter.to.value}
      error={errorOf("to")}
      onValue={into("to")}
    />
    {isFiltered.value && <Button onClick={clear}>{words.clear}</Button>}
  </search>
);

/** Has the browser save a file. */
function save(address: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  link.click();
}

/** All that match, as a file; if they are too many, the API says so first. */
export function Downloads() {
  const { busy, wrong, act } = useAct<"csv" | "jsonl">();
  const get = (format: "csv" | "jsonl") =>
    act(format, async () => {
      const address = fileOf(format);
      if (await canGet(address)) save(address);
      // An answer to HEAD has no words.
      else await ask(api.events.get({ query: queryOf(format) }));
    });
  return (
    <div class="downloads">
      <span class="quiet">{words.download}</span>
      {(["csv", "jsonl"] as const).map((format) => (
        <Button
          key={format}
          busy={busy.value === format}
          label={`${words.download} ${words[format]}`}
          onClick={() => void get(format)}
        >
          {words[format]}
        </Button>
      ))}
      <Wrong>{wrong.value}</Wrong>
    </div>
  );
}
