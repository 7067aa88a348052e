// Doing something that the API may refuse.
import { useSignal } from "@preact/signals";
import { NO_ANSWER, refusalOf } from "../data/api.ts";
import { text } from "../text/text.ts";

/** Why something was not done, in the API's words. */
export function wordsOf(error: unknown): string {
  const { code, message } = refusalOf(error);
  return code === NO_ANSWER ? text.noAnswer : message;
}

export type Errors = Record<string, string>;

/**
 * What the API says against each field of a form, by its name there; "": against all of it.
 * @param fieldOf the field that an error's code is about, if its details name none
 */
export function errorsOf(error: unknown, fields: readonly string[], fieldOf: Errors = {}): Errors {
  const { code, details } = refusalOf(error);
  const found: Errors = {};
  for (const { field, message } of details) {
    const name = field.split(".")[0] ?? "";
    if (fields.includes(name)) found[name] ??= message;
  }
  return Object.keys(found).length > 0 ? found : { [fieldOf[code] ?? ""]: wordsOf(error) };
}

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
