import { eq } from "drizzle-orm";
import { matched, transact } from "../../db/client.ts";
import { settings } from "../../db/schema/settings.ts";
import { fingerprint } from "../accounts/connect.ts";
import { newKeyPair } from "../accounts/key_pair.ts";
import { record } from "../audit/events.ts";
import type { SecretsDeps } from "./deps.ts";

/** The settings row with the pool's own key pair: the public key, a line break, the sealed private key. */
export const POOL_KEY = "pool_key";

/**
 * The pool's own key pair, made on first use: with the public key in a login's authorized_keys, a machine can be
 * registered without handing over a secret.
 * @returns publicKey: a line for authorized_keys; fingerprint: as `ssh-keygen -l` shows it; privateKey: in OpenSSH's format
 */
export async function poolKey(
  deps: SecretsDeps,
): Promise<{ publicKey: string; fingerprint: string; privateKey: string }> {
  const read = async () => {
    const [row] = await deps.db.select().from(settings).where(eq(settings.name, POOL_KEY));
    return row?.value;
  };
  let value = await read();
  if (!value) {
    const pair = newKeyPair("machine-manager");
    await transact(deps.db, async (tx) => {
      const sealed = await deps.keys.seal(tx, POOL_KEY, pair.privateKey);
      // If another process was quicker, its pair is the pool's.
      const made = matched(
        await tx
          .insert(settings)
          .ignore()
          .values({ name: POOL_KEY, value: `${pair.publicKey}\n${sealed}` }),
      );
      if (made > 0)
        await record(deps, tx, "pool_key.created", POOL_KEY, { fingerprint: fingerprint(pair.publicKey) });
    });
    value = (await read()) ?? "";
  }
  const [publicKey = "", sealed = ""] = value.split("\n");
  return {
    publicKey,
    fingerprint: fingerprint(publicKey),
    privateKey: await deps.keys.open(POOL_KEY, sealed),
  };
}
