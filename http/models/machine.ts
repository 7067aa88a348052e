import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import { MACHINE_STATES, type MachineView } from "../../pool/machines/view.ts";
import { oneOf, time } from "./fields.ts";

export const HostKey = t.String({
  // The types that we can compare: another one would be a machine that can never be reached.
  pattern: "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{20,}={0,3}$",
  maxLength: 4096,
  description:
    'its SSH host key, "type base64" as in known_hosts, of type ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp256/384/521; learnt without',
});
export const Labels = t.Record(
  t.String({ pattern: "^[A-Za-z0-9._/-]{1,63}$" }),
  t.String({ maxLength: 63 }),
  {
    additionalProperties: false,
    maxProperties: 64,
    description: "names of up to 63 of A-Z a-z 0-9 . _ / -, values of up to 63 characters",
  },
);

export const Machine = t.Object(
  {
    name: t.String(),
    host: t.String(),
    port: t.Integer(),
    user: t.Nullable(t.String({ description: "its login; shown to admins" })),
    labels: t.Record(t.String(), t.String()),
    state: oneOf(MACHINE_STATES, "available: it can be reserved, unless it is drained"),
    state_changed_at: time("when it came into this state"),
    since: time("the same as state_changed_at"),
    drained: t.Boolean(),
    holder: t.Nullable(t.Object({ id: t.String(), username: t.String() }), {
      description: "the reservation that has it; shown to admins and to whoever holds it",
    }),
    reservation_ends_at: t.Nullable(time("when the reservation that has it ends; null: nobody has it")),
    reserved_until: t.Nullable(time("the same as reservation_ends_at")),
    host_key_fingerprint: t.Nullable(t.String()),
    fault: t.Nullable(t.String({ description: "class of the last error" })),
    last_error: t.Nullable(t.String({ description: "in its own words; shown to admins" })),
  },
  { $id: "Machine" },
);

/** What a user may see of a machine: how to log in to it as its admin, what it says, and who has it, is not for everybody. */
export function machineOf(view: MachineView, { role, userId }: Principal) {
  const admin = role === "admin";
  const { holder } = view;
  const mine = holder !== null && holder.userId !== null && holder.userId === userId;
  return {
    name: view.name,
    host: view.host,
    port: view.port,
    user: admin ? view.user : null,
    labels: view.labels,
    state: view.state,
    state_changed_at: view.since.toISOString(),
    since: view.since.toISOString(),
    drained: view.drained,
    holder: holder && (admin || mine) ? { id: holder.id, username: holder.username } : null,
    reservation_ends_at: view.reservedUntil?.toISOString() ?? null,
    reserved_until: view.reservedUntil?.toISOString() ?? null,
    host_key_fingerprint: view.hostKeyFingerprint,
    fault: view.fault,
    last_error: admin ? view.lastError : null,
  };
}

/** What a new one is answered with. */
export const RegisteredMachine = t.Composite(
  [
    Machine,
    t.Object({
      removed_dirty: t.Optional(
        t.Object(
          {
            machine: t.String({ description: "its name then" }),
            removed_at: time("when"),
            username: t.Nullable(t.String({ description: "whose account may have stayed on it" })),
            reason: t.String({ description: "why it could not be cleaned then" }),
          },
          {
            description:
              "it was removed by force once, while it could not be cleaned; it is cleaned now, before it is offered",
          },
        ),
      ),
    }),
  ],
  { $id: "RegisteredMachine" },
);
