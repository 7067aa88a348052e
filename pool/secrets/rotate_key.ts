import { eq, isNull, sql } from "drizzle-orm";
import type { ResultSetHeader } from "mysql2";
import { matched, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { series } from "../../db/schema/series.ts";
import { settings } from "../../db/schema/settings.ts";
import { record } from "../audit/events.ts";
import type { SecretsDeps } from "./deps.ts";
import { MARK, NEXT } from "./keyring.ts";
import { POOL_KEY } from "./pool_key.ts";
import { keyIdOf, keyOf, seal } from "./seal.ts";

const AT_ONCE = 100;

/** The id of the key that seals new secrets. */
async function currentKeyId(deps: SecretsDeps): Promise<string> {
  const [mark] = await deps.db.select().from(settings).where(eq(settings.name, MARK));
  return (mark && keyOf(mark.value)) ?? deps.keys.ownId;
}

/**
 * Re-encrypts all secrets while the service runs. From its first transaction on, everything is sealed with the new key,
 * which running processes learn from the database, sealed with their own (keyring.ts). It can be run again if it was
 * interrupted. Once every process has been restarted with the new key, `finishRotation` completes it.
 * @param deps with the old SECRET_KEY
 * @param next the new one, 32 bytes as base64
 * @returns how many secrets were re-encrypted
 * @throws Error when the old key is not the current one, or another rotation is not finished
 */
export async function rotateKey(deps: SecretsDeps, next: string): Promise<number> {
  const { ownId } = deps.keys;
  const nextId = keyIdOf(next);
  if (nextId === ownId) throw new Error("the new key is the same as the old one");
  await transact(deps.db, async (tx) => {
    const [mark] = await tx.select().from(settings).where(eq(settings.name, MARK)).for("update");
    const currentId = (mark && keyOf(mark.value)) ?? ownId;
    if (currentId === nextId) return; // begun before
    if (currentId !== ownId)
      throw new Error(`SECRET_KEY is key ${ownId}, but the current key is ${currentId}`);
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
  const done =
    (await rotatePoolKey(deps, next)) +
    (await rotateColumn(deps, next, machines, machines.secret)) +
    (await rotateColumn(deps, next, reservations, reservations.credential)) +
    (await rotateColumn(deps, next, series, series.credential));
  await transact(deps.db, (tx) => record(deps, tx, "key.rotated", nextId, { secrets: done }));
  return done;
}

/** Secrets are bound to their row's id; "" and null mean no secret. */
async function rotateColumn(
  deps: SecretsDeps,
  next: string,
  table: typeof machines | typeof reservations | typeof series,
  column: typeof machines.secret | typeof reservations.credential | typeof series.credential,
): Promise<number> {
  let done = 0;
  for (;;) {
    const old = await deps.db
      .select({ id: table.id, sealed: column })
      .from(table)
      .where(sql`${column} <> '' AND ${column} NOT LIKE ${`v2.${keyIdOf(next)}.%`}`)
      .limit(AT_ONCE);
    if (old.length === 0) return done;
    for (const { id, sealed } of old) {
      if (sealed === null) continue;
      const value = seal(next, id, await deps.keys.open(id, sealed));
      // Only if it is still the one that was read: the row may have changed in the meantime.
      const [{ affectedRows }] = await deps.db.execute<ResultSetHeader>(
        sql`UPDATE ${table} SET ${sql.identifier(column.name)} = ${value} WHERE id = ${id} AND ${column} = ${sealed}`,
      );
      done += affectedRows;
    }
  }
}

async function rotatePoolKey(deps: SecretsDeps, next: string): Promise<number> {
  const [row] = await deps.db.select().from(settings).where(eq(settings.name, POOL_KEY));
  const [publicKey = "", sealed = ""] = row?.value.split("\n") ?? [];
  if (!sealed || keyOf(sealed) === keyIdOf(next)) return 0;
  const resealed = seal(next, POOL_KEY, await deps.keys.open(POOL_KEY, sealed));
  await deps.db
    .update(settings)
    .set({ value: `${publicKey}\n${resealed}` })
    .where(eq(settings.name, POOL_KEY));
  return 1;
}

/**
 * Deletes the new key, sealed with the old one, from the database: from now on the old key opens nothing. Every process
 * must already run with the new one.
 * @param deps with the new SECRET_KEY
 * @returns whether a rotation was in progress
 * @throws Error when SECRET_KEY is not the current key
 */
export async function finishRotation(deps: SecretsDeps): Promise<boolean> {
  const currentId = await currentKeyId(deps);
  if (currentId !== deps.keys.ownId)
    throw new Error(`SECRET_KEY is key ${deps.keys.ownId}, but the current key is ${currentId}`);
  return transact(deps.db, async (tx) => {
    const gone = matched(await tx.delete(settings).where(eq(settings.name, NEXT)));
    if (gone > 0) await record(deps, tx, "key.rotation_finished", currentId);
    return gone > 0;
  });
}
