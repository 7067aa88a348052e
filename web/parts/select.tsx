import { useId } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  /** value and words */
  choices: [string, string][];
  onValue: (value: string) => void;
}

/** One of many, with its label. */
export function Select({ label, value, choices, onValue }: Props) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {choices.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}
