import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Db } from "./client.ts";
import { settings } from "./schema.ts";

/** AES-256-GCM with a 96-bit random nonce and a 128-bit tag (NIST SP 800-38D). */
const ALGORITHM = "aes-256-gcm";

/**
 * Encrypts a secret at rest.
 * @param key 32 bytes as base64
 * @param bound what the secret belongs to; opening needs the same text, so rows can't be swapped
 * @returns "v1.nonce.tag.ciphertext", each base64
 */
export function seal(key: string, bound: string, secret: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(ALGORITHM, Buffer.from(key, "base64"), nonce).setAAD(Buffer.from(bound));
  const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return ["v1", ...[nonce, cipher.getAuthTag(), body].map((part) => part.toString("base64"))].join(".");
}

/** The opposite of `seal`. @throws Error when the key, the text or what it is bound to is not the same */
export function unseal(key: string, bound: string, sealed: string): string {
  const [version, nonce, tag, body] = sealed.split(".");
  if (version !== "v1" || !nonce || !tag || body === undefined) throw new Error("not a sealed secret");
  const decipher = createDecipheriv(ALGORITHM, Buffer.from(key, "base64"), Buffer.from(nonce, "base64"))
    .setAAD(Buffer.from(bound))
    .setAuthTag(Buffer.from(tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(body, "base64")), decipher.final()]).toString("utf8");
}

const CHECK = "secret_key_check";

/**
 * Compares the key with the one that the database's secrets were written with; the first start writes the mark.
 * @throws Error when it is another key; nothing was touched then
 */
export async function checkSecretKey(db: Db, key: string): Promise<void> {
  await db
    .insert(settings)
    .ignore()
    .values({ name: CHECK, value: seal(key, CHECK, CHECK) });
  const [row] = await db.select().from(settings).where(eq(settings.name, CHECK));
  try {
    if (row && unseal(key, CHECK, row.value) === CHECK) return;
  } catch {
    // said below, without the cipher's own words
  }
  throw new Error(
    "SECRET_KEY is not the key that this database's secrets were encrypted with; set the old key again (nothing was changed)",
  );
}
