import { FAULT_WORDS } from "../../accounts/fault_words.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { PoolError } from "../../errors.ts";
import type { Admitted } from "./admit.ts";

/** The error as the caller sees it: only an admin sees a machine's fault in the machine's own words. */
export function explain({ username, credential, principal }: Admitted, error: unknown): unknown {
  if (!(error instanceof MachineFault)) return error;
  const words = principal.role === "admin" ? error.message : FAULT_WORDS[error.kind];
  if (error.kind === "foreign_account")
    return new PoolError(
      "username_taken",
      `An account '${username}' that is not ours exists on a machine; choose another username`,
      [{ field: "username", message: words }],
    );
  if (error.kind === "refused") {
    const keys = credential?.kind === "keys";
    return new PoolError(
      "account_refused",
      `A machine refused this account; choose another username${keys ? "" : " or another password"}`,
      [{ field: keys ? "username" : "username, password", message: words }],
    );
  }
  return new PoolError("machines_unreachable", `No machine could be prepared: ${words}`);
}

/** The database went away while the reservation was being confirmed: it may or may not have been. */
export const outcomeUnknown = ({ idempotencyKey }: Admitted) =>
  new PoolError(
    "outcome_unknown",
    `The database went away while the reservation was being confirmed; ${
      idempotencyKey ? "try again with the same Idempotency-Key" : "check /reservations for the result"
    }`,
  );
