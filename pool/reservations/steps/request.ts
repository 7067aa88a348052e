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
