import { FAULT_WORDS } from "../../accounts/fault_words.ts";
import { MachineFault } from "../../accounts/faults.ts";
import { PoolError } from "../../errors.ts";
import type { Admitted } from "./admit.ts";

/** What a caller is told of what went wrong: of a machine's fault only an admin in the machine's own words. */
export function told({ username, credential, principal }: Admitted, error: unknown): unknown {
  if (!(error instanceof MachineFault)) return error;
  const words = principal.role === "admin" ? error.message : FAULT_WORDS[error.kind];
  if (error.kind === "foreign_account")
    return new PoolError(
      "username_taken",
      `The account '${username}' exists on a machine and is not ours; choose another username`,
      [{ field: "username", message: words }],
    );
  if (error.kind === "refused") {
    const keys = credential?.kind === "keys";
    return new PoolError(
      "account_refused",
      `A machine refuses this account; choose another username${keys ? "" : " or another password"}`,
      [{ field: keys ? "username" : "username, password", message: words }],
    );
  }
  return new PoolError("machines_unreachable", `No machine could be prepared: ${words}`);
}

/** The database went away while the reservation was confirmed: nobody knows whether it was. */
export const outcomeUnknown = ({ idempotencyKey }: Admitted) =>
  new PoolError(
    "outcome_unknown",
    `The database went away while the reservation was confirmed; ${
      idempotencyKey ? "ask again with the same Idempotency-Key" : "/reservations tells what became of it"
    }`,
  );
