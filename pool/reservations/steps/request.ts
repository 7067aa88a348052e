import { now, type Tx } from "../../../db/client.ts";
import type { SecretsDeps } from "../../secrets/deps.ts";
import type { Admitted } from "./admit.ts";
import { madePassword, sealCredential } from "./credential.ts";

/**
 * What a reservation's row says of its request. The credential is sealed in it until the accounts exist: the worker that
 * prepares them need not be the one that took the request.
 */
export async function requestColumns(deps: SecretsDeps, tx: Tx, id: string, admitted: Admitted) {
  const { principal, username, count, durationMinutes, wanted, idempotencyKey } = admitted;
  const secret = deps.keys.get(null) as string;
  const made = { kind: "password" as const, password: madePassword(secret, id) };
  return {
    id,
    userId: principal.userId,
    username,
    count,
    minCount: admitted.minCount,
    replace: admitted.replace,
    durationMinutes,
    whereLabels: wanted.where,
    onlyMachines: wanted.only && [...wanted.only],
    exceptMachines: wanted.except && [...wanted.except],
    priority: admitted.priority,
    idempotencyKey,
    requestHash: idempotencyKey ? admitted.hash(secret) : null,
    keyId: deps.keys.ownId,
    credential: await sealCredential(deps, tx, id, admitted.credential ?? made),
    createdAt: now,
  };
}

/**
 * Makes another password for a reservation whose turn has come, if its own can't be derived any more: SECRET_KEY was rotated
 * while it waited. Nobody has been told it yet.
 * @returns the columns that change; none when there is no need
 */
export async function remadePassword(
  deps: SecretsDeps,
  tx: Tx,
  { id, keyId, passwordMade }: { id: string; keyId: string | null; passwordMade: boolean },
) {
  if (!passwordMade || (await deps.keys.find(keyId)) !== undefined) return {};
  const password = madePassword(deps.keys.get(null) as string, id);
  const credential = await sealCredential(deps, tx, id, { kind: "password", password });
  // Its request can't be compared any more, either.
  return { keyId: deps.keys.ownId, requestHash: null, credential };
}
