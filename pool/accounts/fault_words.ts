import type { FaultKind } from "./faults.ts";

/** Faults in our own words, for those who may not see a machine's: these contain its addresses, paths and names. */
export const FAULT_WORDS: Readonly<Record<FaultKind, string>> = {
  unreachable: "a machine did not answer",
  auth: "a machine refused the pool's login",
  host_key: "a machine showed a different host key",
  forbidden_address: "a machine's address is not allowed",
  duplicate: "a machine is in the pool under another name",
  foreign_account: "an account of that name exists and is not ours",
  leftovers: "a machine is not clean",
  fenced: "another worker took over the machine",
  timeout: "a machine did not finish in time",
  unsupported: "a machine lacks what an account needs",
  failed: "a machine could not make the account",
  uid_taken: "a machine has used that user id before",
  refused: "a machine refused that name or password",
};
