import { t } from "elysia";
import type { Principal } from "../../pool/identity/principal.ts";
import type { Shown } from "../../pool/machines/shown.ts";
import { MACHINE_STATES, type MachineView } from "../../pool/machines/view.ts";
import { oneOf, time } from "./fields.ts";

export const HostKey = t.String({
  // The types we can compare: a machine with any other could never be reached.
  pattern: "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{20,}={0,3}$",
  maxLength: 4096,
  description:
    'its SSH host key, "type base64" as in known_hosts, of type ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp256/384/521; if omitted, it is learnt on first contact',
});
export const Labels = t.Record(
  t.String({ pattern: "^[A-Za-z0-9._/-]{1,63}$" }),
  t.String({ maxLength: 63 }),
  {
    additionalProperties: false,
    maxProperties: 64,
    description:
      "keys of up to 63 of A-Z a-z 0-9 . _ / -, which can't begin with `fact.`; values of up to 63 characters",
  },
);

export const Machine = t.Object(
  {
    name: t.String(),
    host: t.String(),
    port: t.Integer(),
    user: t.Nullable(t.String({ description: "the login used to manage it; only admins see it" })),
    labels: t.Record(t.String(), t.String()),
    facts: t.Record(t.String(), t.String(), {
      description:
        "what it last said of itself: os, arch, cpus, ram and disk (whole GiB, rounded up), kernel; a label expression calls them fact.os, …",
    }),
    state: oneOf(MACHINE_STATES, "an available machine can be reserved unless it is drained"),
    state_changed_at: time("when it entered this state"),
    since: time("the same as state_changed_at"),
    drained: t.Boolean(),
    holder: t.Nullable(t.Object({ id: t.String(), username: t.String() }), {
      description: "the reservation that holds it; only admins and that reservation's user see it",
    }),
    reservation_ends_at: t.Nullable(
      time("when the reservation that holds it ends; null if it is not reserved"),
    ),
    reserved_until: t.Nullable(time("the same as reservation_ends_at")),
    host_key_fingerprint: t.Nullable(t.String()),
    fault: t.Nullable(t.String({ description: "kind of the last error" })),
    last_error: t.Nullable(t.String({ description: "the last error message; only admins see it" })),
  },
  { $id: "Machine" },
);

/**
 * What a principal may see of a machine: its management login, its error messages and its holder are not for everybody.
 */
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
    facts: view.facts,
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

/** The response to a dry run. */
export const ShownHostKey = t.Object(
  {
    host_key: t.Nullable(t.String({ description: 'the host key that it shows now, "type base64"' })),
    host_key_fingerprint: t.Nullable(t.String({ description: "the same as ssh-keygen -l shows it" })),
    fault: t.Nullable(t.String({ description: "kind of the error, if it showed none" })),
    last_error: t.Nullable(t.String({ description: "the error message" })),
  },
  { $id: "ShownHostKey" },
);

/** The response to changing one, or to a dry run of that. */
export const ChangedMachine = t.Union([Machine, ShownHostKey], { $id: "ChangedMachine" });

export const shownOf = (shown: Shown) => ({
  host_key: shown.hostKey,
  host_key_fingerprint: shown.hostKeyFingerprint,
  fault: shown.fault,
  last_error: shown.lastError,
});

/** The response to creating one. */
export const RegisteredMachine = t.Composite(
  [
    Machine,
    t.Object({
      removed_dirty: t.Optional(
        t.Object(
          {
            machine: t.String({ description: "its name at that time" }),
            removed_at: time("when it was removed"),
            username: t.Nullable(t.String({ description: "the account that may have been left on it" })),
            reason: t.String({ description: "why it could not be cleaned at that time" }),
          },
          {
            description:
              "set if it was once removed by force without being cleaned; it is cleaned before it is offered again",
          },
        ),
      ),
    }),
  ],
  { $id: "RegisteredMachine" },
);
