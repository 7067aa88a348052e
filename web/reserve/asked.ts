// What the forms that ask for machines have in common: for now, for later, and for every week.
import type { Signal } from "@preact/signals";
import { NO_ANSWER, type Refusal } from "../data/api.ts";

/** A number if it is one; else the API says what it should be. */
export const numberIn = (words: string) => (/^\d{1,9}$/.test(words.trim()) ? Number(words) : words) as number;

/** With what one logs in. */
export interface AccessForm {
  access: Signal<"made" | "own" | "key">;
  password: Signal<string>;
  keys: Signal<string>;
}

export function accessIn({ access, password, keys }: AccessForm) {
  if (access.value === "own") return { password: password.value };
  if (access.value === "made") return {};
  return {
    ssh_public_keys: keys.value
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean),
  };
}

/** What the API says against a field, by its name there; "": against all of it. */
export type Errors = Signal<Record<string, string>>;

/** What changes one value, and takes back what was said against it. */
export const intoOf =
  (errors: Errors) =>
  <Value>(value: Signal<Value>, field: string) =>
  (typed: Value) => {
    value.value = typed;
    const { [field]: _, "": __, ...others } = errors.value;
    errors.value = others;
  };

/** A refusal by the fields that a form has. */
export function errorsOf(
  known: readonly string[],
  { code, message, details }: Refusal,
  noAnswer: string,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { field, message: words } of details) {
    const name = field.split(".")[0] ?? "";
    if (known.includes(name)) found[name] ??= words;
  }
  // A bad field says everything; other errors have words of their own.
  if (code !== "invalid_request" || Object.keys(found).length === 0)
    found[""] = code === NO_ANSWER ? noAnswer : message;
  return found;
}
