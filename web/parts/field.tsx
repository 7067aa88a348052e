import type { InputHTMLAttributes, TargetedInputEvent } from "preact";
import { useId } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** what the API says against it; empty: nothing */
  error?: string | undefined;
  hint?: string;
  type?: "text" | "number" | "password" | "date" | "datetime-local" | "search";
  lines?: number;
  name?: string;
  min?: number;
  autocomplete?: string;
  placeholder?: string;
  /** gets the focus when its dialog opens */
  autofocus?: boolean;
}

/** A field with its label, a hint and its error beside it. It never loses what was typed. */
export function Field({ label, value, onValue, error, hint, type = "text", lines, ...more }: Props) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const same = {
    id,
    value,
    spellcheck: false,
    autocapitalize: "none",
    "aria-invalid": Boolean(error),
    "aria-describedby": about || undefined,
    onInput: (event: TargetedInputEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      onValue(event.currentTarget.value),
    ...more,
    autocomplete: more.autocomplete ?? "off",
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {lines ? (
        <textarea rows={lines} {...same} />
      ) : (
        <input {...({ type, ...same } as InputHTMLAttributes<HTMLInputElement>)} />
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="wrong" id={`${id}-error`}>
          <bdi>{error}</bdi>
        </p>
      )}
    </div>
  );
}

interface ChoiceProps<Value extends string> {
  legend: string;
  name: string;
  value: Value;
  choices: [Value, string][];
  onValue: (value: Value) => void;
}

/** One of a few. */
export function Choice<Value extends string>({ legend, name, value, choices, onValue }: ChoiceProps<Value>) {
  return (
    <fieldset class="choice">
      <legend>{legend}</legend>
      {choices.map(([one, words]) => (
        <label key={one}>
          <input type="radio" name={name} value={one} checked={one === value} onChange={() => onValue(one)} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
