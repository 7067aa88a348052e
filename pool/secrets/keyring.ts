import { eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../db/client.ts";
import { settings } from "../../db/schema/settings.ts";
import { keyIdOf, keyOf, seal, unseal } from "./seal.ts";

/** The settings row that identifies the current key: a known text, sealed with it. */
export const MARK = "secret_key_check";
/** During a rotation: the new key, sealed with the old one, so that running processes can learn it. */
export const NEXT = "next_secret_key";

/** The keys that open a process's secrets: its SECRET_KEY, and one that it learnt from a rotation while running. */
export interface Keys {
  /** SECRET_KEY's id */
  ownId: string;
  /** A key by its id, if this process knows it; null (a row from before keys had ids): its own. */
  get(id: string | null): string | undefined;
  /** The same, also if this process must learn it first. */
  find(id: string | null): Promise<string | undefined>;
  /** @throws Error when no key that this process knows or can learn opens it */
  open(bound: string, sealed: string): Promise<string>;
  /** Seals with the current key, in the transaction that stores it: a rotation waits for that, and includes it. */
  seal(tx: Tx, bound: string, secret: string): Promise<string>;
}

/** @param secretKey 32 bytes as base64 */
export function keysOf(db: Db, secretKey: string): Keys {
  const ownId = keyIdOf(secretKey);
  const known = new Map([[ownId, secretKey]]);
  const get = (id: string | null) => known.get(id ?? ownId);

  async function learn(id: string): Promise<string | undefined> {
    const [row] = await db.select().from(settings).where(eq(settings.name, NEXT));
    const older = row && get(keyOf(row.value));
    const next = row && older && unseal(older, NEXT, row.value);
    if (!next || keyIdOf(next) !== id) return undefined;
    known.set(id, next);
    return next;
  }
  const find = async (id: string | null) => get(id) ?? (await learn(id as string));
  async function need(id: string | null): Promise<string> {
    const key = await find(id);
    if (key === undefined)
      throw new Error(`a secret is encrypted with key ${id}, but SECRET_KEY is key ${ownId}`);
    return key;
  }
  return {
    ownId,
    get,
    find,
    open: async (bound, sealed) => unseal(await need(keyOf(sealed)), bound, sealed),
    async seal(tx, bound, secret) {
      // Shared: sealers don't wait for each other, only for a rotation, and the rotation for them.
      const mark = sql`SELECT value FROM ${settings} WHERE ${eq(settings.name, MARK)} LOCK IN SHARE MODE`;
      const [rows] = await tx.execute(mark);
      const [row] = rows as unknown as { value: string }[];
      return seal(await need(row ? keyOf(row.value) : null), bound, secret);
    },
  };
}

/**
 * Checks that the key is the one that the database's secrets were sealed with; the first start writes the mark.
 * @throws Error when it is a different key; nothing has been changed then
 */
export async function checkSecretKey(db: Db, secretKey: string): Promise<void> {
  await db
    .insert(settings)
    .ignore()
    .values({ name: MARK, value: seal(secretKey, MARK, MARK) });
  const [row] = await db.select().from(settings).where(eq(settings.name, MARK));
  try {
    if (row && (await keysOf(db, secretKey).open(MARK, row.value)) === MARK) return;
  } catch {
    // reported below, without the cipher's message
  }
  throw new Error(
    "SECRET_KEY is not the key that this database's secrets were encrypted with; restore the old key (nothing was changed)",
  );
}
