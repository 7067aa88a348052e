import { and, eq, isNull, sql } from "drizzle-orm";
import { matched, transact } from "../../db/client.ts";
import { machines, reservations, settings } from "../../db/schema/pool.ts";
import { record } from "../audit/events.ts";
import type { SecretsDeps } from "./deps.ts";
import { MARK, NEXT } from "./keyring.ts";
import { POOL_KEY } from "./pool_key.ts";
import { keyIdOf, keyOf, seal } from "./seal.ts";

const AT_ONCE = 100;

/** The id of the key with which new secrets are sealed now. */
async function currentKeyId(deps: SecretsDeps): Promise<string> {
  const [mark] = await deps.db.select().from(settings).where(eq(settings.name, MARK));
  return (mark && keyOf(mark.value)) ?? deps.keys.ownId;
}

/**
 * Encrypts all secrets anew while the service runs. From its first transaction on, whoever seals takes the new key,
 * which running processes learn from the database, sealed with their own (keyring.ts). May be run again after it was
 * interrupted. When every process has been started with the new key, `finishRotation` ends it.
 * @param deps with the old SECRET_KEY
 * @param next the new one, 32 bytes as base64
 * @returns how many secrets were encrypted anew
 * @throws Error when the old key is not the current one, or another rotation is not over
 */
export async function rotateKey(deps: SecretsDeps, next: string): Promise<number> {
  const { ownId } = deps.keys;
  const nextId = keyIdOf(next);
  if (nextId === ownId) throw new Error("the new key is the old one");
  await transact(deps.db, async (tx) => {
    const [mark] = await tx.select().from(settings).where(eq(settings.name, MARK)).for("update");
    const currentId = (mark && keyOf(mark.value)) ?? ownId;
    if (currentId === nextId) return; // begun before
    if (currentId !== ownId)
      throw new Error(`SECRET_KEY is key ${ownId}, and the current one is ${currentId}`);
    const handed = seal(deps.keys.get(ownId) as string, NEXT, next);
    await tx
      .insert(settings)
      .values([
        { name: MARK, value: seal(next, MARK, MARK) },
        { name: NEXT, value: handed },
      ])
      .onDuplicateKeyUpdate({ set: { value: sql`VALUES(value)` } });
    await tx.update(reservations).set({ keyId: ownId }).where(isNull(reservations.keyId));
    await record(deps, tx, "key.rotation_started", nextId);
  });
  let done = await rotatePoolKey(deps, next);
  for (;;) {
    const old = await deps.db
      .select({ id: machines.id, secret: machines.secret })
      .from(machines)
      .where(sql`${machines.secret} <> '' AND ${machines.secret} NOT LIKE ${`v2.${nextId}.%`}`)
      .limit(AT_ONCE);
    if (old.length === 0) break;
    // Only if it is still the one that was read: a machine may be removed meanwhile.
    for (const { id, secret } of old)
      done += matched(
        await deps.db
          .update(machines)
          .set({ secret: seal(next, id, await deps.keys.open(id, secret)) })
          .where(and(eq(machines.id, id), eq(machines.secret, secret))),
      );
  }
  await transact(deps.db, (tx) => record(deps, tx, "key.rotated", nextId, { secrets: done }));
  return done;
}

async function rotatePoolKey(deps: SecretsDeps, next: string): Promise<number> {
  const [row] = await deps.db.select().from(settings).where(eq(settings.name, POOL_KEY));
  const [publicKey = "", sealed = ""] = row?.value.split("\n") ?? [];
  if (!sealed || keyOf(sealed) === keyIdOf(next)) return 0;
  const anew = seal(next, POOL_KEY, await deps.keys.open(POOL_KEY, sealed));
  await deps.db
    .update(settings)
    .set({ value: `${publicKey}\n${anew}` })
    .where(eq(settings.name, POOL_KEY));
  return 1;
}

/**
 * Takes the new key, sealed with the old one, out of the database: from now on the old key opens nothing. Every process
 * must have been started with the new one.
 * @param deps with the new SECRET_KEY
 * @returns whether a rotation was under way
 * @throws Error when SECRET_KEY is not the current key
 */
export async function finishRotation(deps: SecretsDeps): Promise<boolean> {
  const currentId = await currentKeyId(deps);
  if (currentId !== deps.keys.ownId)
    throw new Error(`SECRET_KEY is key ${deps.keys.ownId}, and the current one is ${currentId}`);
  return transact(deps.db, async (tx) => {
    const gone = matched(await tx.delete(settings).where(eq(settings.name, NEXT)));
    if (gone > 0) await record(deps, tx, "key.rotation_finished", currentId);
    return gone > 0;
  });
}
