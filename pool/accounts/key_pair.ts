import ssh2 from "ssh2";

/** Whether a private key can be read, belongs to the public one, and signs. */
function works(publicKey: string, privateKey: string): boolean {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error || key.getPublicSSH().toString("base64") !== publicKey.split(" ")[1]) return false;
  // Bytes, because Deno doesn't sign text.
  const words = Buffer.from("test");
  const signature = key.sign(words);
  return !(signature instanceof Error) && key.verify(words, signature) === true;
}

/**
 * A new Ed25519 key pair for SSH. Tested before use: 7 in 1000 of ssh2 1.17's pairs don't work (measured: 14 of 2000).
 * @param comment goes at the end of the public key's line
 * @returns publicKey: a line for authorized_keys; privateKey: in OpenSSH's format, without a passphrase
 */
export function newKeyPair(comment: string): { publicKey: string; privateKey: string } {
  for (let tries = 0; tries < 20; tries++) {
    const { public: publicKey, private: privateKey } = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (works(publicKey, privateKey)) return { publicKey, privateKey };
  }
  throw new Error("no key pair could be made");
}
