import { t } from "elysia";
import { invalid } from "../../pool/errors.ts";

const PublicKey = t.String({
  pattern:
    "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\\.com) [A-Za-z0-9+/]{40,}={0,3}( [ -~]{0,200})?$",
  maxLength: 4096,
  description: 'a public key as in ~/.ssh/id_ed25519.pub: "type base64 comment"',
});
export const PublicKeys = t.Array(PublicKey, {
  minItems: 1,
  maxItems: 20,
  description: "1 to 20 public keys, instead of a password",
});

/** The keys of a body that may have a password or keys. @throws PoolError invalid_request when it has both */
export function keysIn(body: { password?: string; ssh_public_keys?: string[] }): string[] | undefined {
  if (body.password !== undefined && body.ssh_public_keys)
    throw invalid("ssh_public_keys", "send either password or ssh_public_keys");
  return body.ssh_public_keys;
}
