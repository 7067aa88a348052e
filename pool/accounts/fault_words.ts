import type { FaultKind } from "./faults.ts";

/** A fault in our own words, for those who may not read a machine's: addresses, paths and names of its own are in them. */
export const FAULT_WORDS: Readonly<Record<FaultKind, string>> = {
  unreachable: "a machine did not answer",
  auth: "a machine refused the pool's login",
  host_key: "a machine showed another host key",
  forbidden_address: "a machine's address is not allowed",
  duplicate: "a machine is in the pool under another name",
  foreign_account: "an account of that name is there, and is not ours",
  leftovers: "a machine is not clean",
  fenced: "another process took the machine over",
  timeout: "a machine did not finish in time",
  unsupported: "a machine lacks what an account needs",
  failed: "a machine could not make the account",
  uid_taken: "a machine has used that user id before",
  refused: "that name or that password is refused there",
};
