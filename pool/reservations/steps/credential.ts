import { createHmac } from "node:crypto";
import type { Tx } from "../../../db/client.ts";
import type { Credential } from "../../accounts/accounts.ts";
import type { SecretsDeps } from "../../secrets/deps.ts";

/**
 * A strong password (128 bits). It is derived from the reservation's id, so that a client that lost the answer and
 * repeats its Idempotency-Key gets the same one, although it is erased once the accounts exist.
 * @param key the SECRET_KEY that the reservation was made with
 */
export function madePassword(key: string, id: string): string {
  const bytes = createHmac("sha256", Buffer.from(key, "base64")).update(`password ${id}`).digest();
  return bytes.subarray(0, 16).toString("base64url");
}

/** Sealed with SECRET_KEY, bound to the reservation's id. */
export const sealCredential = ({ keys }: SecretsDeps, tx: Tx, id: string, credential: Credential) =>
  keys.seal(tx, id, JSON.stringify(credential));

/** @throws Error when no key that this process knows or can learn opens it */
export const openCredential = async ({ keys }: SecretsDeps, id: string, sealed: string) =>
  JSON.parse(await keys.open(id, sealed)) as Credential;
