import { and, asc, eq, gte } from "drizzle-orm";
import { type Fault, MACHINE_STATES, type MachineState, machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { fingerprint } from "../accounts/connect.ts";
import { PoolError } from "../errors.ts";
import { MACHINE } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { MachinesDeps } from "./deps.ts";
import { labelsAndFacts } from "./labels.ts";
import { readWhere } from "./where.ts";

export { MACHINE_STATES };

/** A machine as an admin sees it; never its secret. */
export interface MachineView {
  name: string;
  host: string;
  port: number;
  user: string;
  labels: Record<string, string>;
  /** what it last said that it is */
  facts: Record<string, string>;
  state: MachineState;
  since: Date;
  drained: boolean;
  /** the reservation, and its API user (null: it has none) */
  holder: { id: string; username: string; userId: string | null } | null;
  reservedUntil: Date | null;
  hostKeyFingerprint: string | null;
  fault: Fault | null;
  lastError: string | null;
}

function select(deps: MachinesDeps) {
  return deps.db
    .select({
      machine: machines,
      username: reservations.username,
      userId: reservations.userId,
      state: reservations.state,
      endsAt: reservations.endsAt,
    })
    .from(machines)
    .leftJoin(reservations, eq(machines.reservationId, reservations.id));
}

function view(row: Awaited<ReturnType<typeof select>>[number]): MachineView {
  const { machine } = row;
  return {
    name: machine.name,
    host: machine.host,
    port: machine.port,
    user: machine.loginUser,
    labels: machine.labels,
    facts: machine.facts,
    state: machine.state,
    since: machine.since,
    drained: machine.drained,
    holder:
      machine.reservationId && row.username !== null
        ? { id: machine.reservationId, username: row.username, userId: row.userId }
        : null,
    reservedUntil: machine.state === MACHINE.reserved ? row.endsAt : null,
    hostKeyFingerprint: machine.hostKey ? fingerprint(machine.hostKey) : null,
    fault: machine.fault,
    lastError: machine.lastError,
  };
}

interface Which {
  /** only those that a label expression means; a page may then have fewer rows, although it isn't the last */
  where?: string | undefined;
  /** only those that have entered their state since then */
  changedSince?: Date | undefined;
}

/**
 * The machines, by name.
 * @throws PoolError invalid_request for an expression that can't be read
 */
export async function listMachines(
  deps: MachinesDeps,
  { limit, after }: PageInput,
  { where, changedSince }: Which = {},
): Promise<Page<MachineView>> {
  const matches = where === undefined ? () => true : readWhere(where);
  const rows = await select(deps)
    .where(and(isAfter([machines.name], after), changedSince && gte(machines.since, changedSince)))
    .orderBy(asc(machines.name))
    .limit(limit + 1);
  const page = pageOf(rows.map(view), limit, ({ name }) => [name]);
  return { ...page, rows: page.rows.filter((one) => matches(labelsAndFacts(one))) };
}

/** One machine. @throws PoolError machine_not_found */
export async function viewMachine(deps: MachinesDeps, name: string): Promise<MachineView> {
  const [row] = await select(deps).where(eq(machines.name, name));
  if (!row) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  return view(row);
}
