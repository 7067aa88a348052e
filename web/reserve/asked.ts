// What the forms that ask for machines have in common: for now, for later, and for every week.
import type { Signal } from "@preact/signals";

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
