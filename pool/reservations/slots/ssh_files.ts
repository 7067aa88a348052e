// The files that make `ssh -F ssh_config node1` work: without a question, and only if the machine has the host key that the
// pool has pinned.
import { and, asc, eq } from "drizzle-orm";
import { machines } from "../../../db/schema/pool.ts";
import { holds } from "../../../db/schema/reservations.ts";
import { PoolError } from "../../errors.ts";
import { MACHINE, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { isHoldOf, slotName, viewReservation } from "../view.ts";

interface Login {
  slot: string;
  /** known_hosts has the machine's key under its name: host and port may be another machine's tomorrow */
  machine: string;
  host: string;
  port: number;
  hostKey: string | null;
}

/** How to log in to the machines of an active reservation, by slot. */
async function loginsOf(
  deps: ReservationsDeps,
  id: string,
  userId?: string,
): Promise<{ username: string; logins: Login[] }> {
  const { username, state } = await viewReservation(deps, id, userId);
  if (state !== RESERVATION.active)
    throw new PoolError(
      "reservation_not_active",
      `The reservation is ${state}; it has machines to log in to only while it is active`,
    );
  const rows = await deps.db
    .select({
      machine: machines.name,
      host: machines.host,
      port: machines.port,
      hostKey: machines.hostKey,
      slot: holds.slot,
    })
    .from(machines)
    .innerJoin(holds, isHoldOf)
    .where(and(eq(machines.reservationId, id), eq(machines.state, MACHINE.reserved)))
    .orderBy(asc(holds.slot));
  return { username, logins: rows.map((row) => ({ ...row, slot: slotName(row.slot) })) };
}

/**
 * A configuration for ssh in which each slot is a host.
 * @param knownHosts where ssh finds what `knownHosts` returns; ssh reads a relative path from the folder that it is run in
 * @throws PoolError reservation_not_found, reservation_not_active
 */
export async function sshConfig(
  deps: ReservationsDeps,
  id: string,
  knownHosts: string,
  userId?: string,
): Promise<string> {
  const { username, logins } = await loginsOf(deps, id, userId);
  const hosts = logins.flatMap(({ slot, machine, host, port }) => [
    `Host ${slot}`,
    `  HostName ${host.replace(/^\[|\]$/g, "")}`,
    `  Port ${port}`,
    `  HostKeyAlias ${machine}`,
    "",
  ]);
  return [
    `# Reservation ${id}. It needs what /reservations/${id}/known_hosts returns.`,
    "",
    ...hosts,
    "Host *",
    `  User ${username}`,
    "  StrictHostKeyChecking yes",
    `  UserKnownHostsFile "${knownHosts}"`,
    "  GlobalKnownHostsFile /dev/null",
    "",
  ].join("\n");
}

/**
 * The machines' pinned host keys, as in known_hosts.
 * @throws PoolError reservation_not_found, reservation_not_active
 */
export async function knownHosts(deps: ReservationsDeps, id: string, userId?: string): Promise<string> {
  const { logins } = await loginsOf(deps, id, userId);
  return logins
    .filter(({ hostKey }) => hostKey !== null)
    .map(({ machine, hostKey }) => `${machine} ${hostKey}\n`)
    .join("");
}
