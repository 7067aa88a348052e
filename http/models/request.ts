// What a request for machines may say.
import { t } from "elysia";
import { invalid } from "../../pool/errors.ts";

export const Username = t.String({
  pattern: "^(?!root$)[a-z_][a-z0-9_-]{0,31}$",
  description: "a name of 1 to 32 of a-z 0-9 _ -, beginning with a letter or _; root is refused",
});
export const Password = t.String({
  minLength: 1,
  maxLength: 128,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
  description: "1 to 128 printable characters; if omitted, a strong password is generated",
});
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

// `title` names the field where Elysia's coercion of numbers loses the path.
export const Count = t.Integer({
  title: "count",
  minimum: 1,
  maximum: 100_000,
  default: 1,
  description: "how many machines: a whole number from 1",
});
/** Without a default: it would hide that a request says none. */
export const CountOrNames = t.Integer({
  title: "count",
  minimum: 1,
  maximum: 100_000,
  description: "how many machines: a whole number from 1; without it, as many as `machines` names, or 1",
});
/** How many machines a body asks for. */
export const countIn = ({ count, machines }: { count?: number; machines?: string[] }) =>
  count ?? (machines ? new Set(machines).size : 1);
export const Duration = t.Integer({
  title: "duration",
  minimum: 1,
  maximum: 525_600,
  default: 60,
  description: "how long, in minutes: a whole number from 1 up to MAX_DURATION_MINUTES",
});

export const Where = t.String({
  maxLength: 1000,
  description:
    'which machines, by their labels, in up to 1000 characters: gpu && ram >= 32 && !(zone == "b" || os in ["alpine", "debian"])',
});
export const Wait = t.Integer({
  title: "wait",
  minimum: 0,
  maximum: 10_080,
  default: 0,
  description: "how many minutes it may wait for machines if it can't start at once: 0 to 10080 (7 days)",
});
export const StartsAt = t.String({
  maxLength: 40,
  description:
    "books it for then: an instant with an offset, such as 2026-09-02T13:00:00Z or 2026-09-02T15:00+02:00, up to BOOK_AHEAD_DAYS ahead",
});
export const MinCount = t.Integer({
  title: "min_count",
  minimum: 1,
  maximum: 100_000,
  description: "with starts_at: it starts with so many machines if some break and can't be replaced",
});
export const Replace = t.Boolean({
  default: false,
  description: "true or false; true: another machine takes the slot of one that stops answering",
});
export const DryRun = t.Optional(
  t.Boolean({
    default: false,
    description: "true or false; true: only says what would happen, and changes nothing",
  }),
);
export const Priority = t.Integer({
  title: "priority",
  minimum: -10,
  maximum: 10,
  default: 0,
  description: "-10 to 10; whoever waits with a higher one comes first; only for admins",
});
export const MachineNames = (description: string) =>
  t.Array(t.String({ maxLength: 64, description: "a name of up to 64 characters" }), {
    minItems: 1,
    maxItems: 1000,
    description: `${description}; 1 to 1000 names`,
  });

/** The header `Idempotency-Key`. */
export const IdempotencyKey = (what: string) =>
  t.Optional(t.String({ pattern: "^[!-~]{1,128}$", description: `1 to 128 printable characters; ${what}` }));
