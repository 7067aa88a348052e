import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

/** AES-256-GCM with a 96-bit random nonce and a 128-bit tag (NIST SP 800-38D). */
const ALGORITHM = "aes-256-gcm";

/** Identifies a key without revealing anything about it. @param key 32 bytes as base64 */
export function keyIdOf(key: string): string {
  return createHash("sha256")
    .update("machine-manager key id ")
    .update(key, "base64")
    .digest("hex")
    .slice(0, 12);
}

/**
 * Encrypts a secret at rest.
 * @param key 32 bytes as base64
 * @param bound what the secret belongs to; opening needs the same text, so rows can't be swapped
 * @returns "v2.key-id.nonce.tag.ciphertext", the last three in base64
 */
export function seal(key: string, bound: string, secret: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(ALGORITHM, Buffer.from(key, "base64"), nonce).setAAD(Buffer.from(bound));
  const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  const parts = [nonce, cipher.getAuthTag(), body].map((part) => part.toString("base64"));
  return ["v2", keyIdOf(key), ...parts].join(".");
}

/** The id of the key that opens a sealed text; null: sealed before keys had ids ("v1.nonce.tag.ciphertext"). */
export function keyOf(sealed: string): string | null {
  const [version, id] = sealed.split(".");
  return version === "v2" && id ? id : null;
}

/** The opposite of `seal`. @throws Error unless the key, the text and what it is bound to all match */
export function unseal(key: string, bound: string, sealed: string): string {
  const parts = sealed.split(".");
  const [nonce, tag, body] = parts[0] === "v2" ? parts.slice(2) : parts[0] === "v1" ? parts.slice(1) : [];
  if (!nonce || !tag || body === undefined) throw new Error("not a sealed secret");
  const decipher = createDecipheriv(ALGORITHM, Buffer.from(key, "base64"), Buffer.from(nonce, "base64"))
    .setAAD(Buffer.from(bound))
    .setAuthTag(Buffer.from(tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(body, "base64")), decipher.final()]).toString("utf8");
}
