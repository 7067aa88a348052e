// Doing something that the API may refuse.
import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { NO_ANSWER, refusalOf } from "../data/api.ts";
import { text } from "../text/text.ts";

/** Why something was not done, in the API's words. */
export function wordsOf(error: unknown): string {
  const { code, message } = refusalOf(error);
  return code === NO_ANSWER ? text.noAnswer : message;
}

/** What the API says against each field of a form, by its name there; "": against all of it. */
export type Errors = Record<string, string>;

/**
 * A refusal by the fields that a form has.
 * @param fieldOf the field that an error's code is about, if its details name none
 */
export function errorsOf(error: unknown, fields: readonly string[], fieldOf: Errors = {}): Errors {
  const { code, details } = refusalOf(error);
  const found: Errors = {};
  for (const { field, message } of details) {
    const name = field.split(".")[0] ?? "";
    if (fields.includes(name)) found[name] ??= message;
  }
  // A bad field says everything; other errors have words of their own.
  if (code !== "invalid_request" || Object.keys(found).length === 0)
    found[fieldOf[code] ?? ""] = wordsOf(error);
  return found;
}

/** What changes one value of a form, and takes back what was said against it. */
export const intoOf =
  (errors: Signal<Errors>) =>
  <Value,>(value: Signal<Value>, field: string) =>
  (typed: Value) => {
    value.value = typed;
    const { [field]: _, "": __, ...others } = errors.value;
    errors.value = others;
  };

/** Once it is drawn: to the first field of a form that something is said against, or else to what is said against all of it. */
export const focusWrong = (form: RefObject<HTMLElement | null>): void =>
  void setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"], .alert')?.focus());

/** Does one thing at a time. `busy` says which, `wrong` why the last one was not done. */
export function useAct<What extends string>() {
  const busy = useSignal<What | "">("");
  const wrong = useSignal("");
  const act = async (what: What, work: () => Promise<unknown>): Promise<boolean> => {
    if (busy.value) return false;
    [busy.value, wrong.value] = [what, ""];
    try {
      await work();
      return true;
    } catch (error) {
      wrong.value = wordsOf(error);
      return false;
    } finally {
      busy.value = "";
    }
  };
  return { busy, wrong, act };
}

export const Wrong = ({ children }: { children: string | undefined }) =>
  children ? (
    <p class="alert" role="alert" tabIndex={-1}>
      <bdi>{children}</bdi>
    </p>
  ) : null;
