import { and, eq, ne, sql } from "drizzle-orm";
import { matched, now, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { tellChange } from "../lifecycle/settle.ts";
import { MACHINE } from "../lifecycle/states.ts";
import { tryAgain } from "./again.ts";
import type { MachinesDeps } from "./deps.ts";
import { refuseFacts } from "./labels.ts";
import { type MachineView, viewMachine } from "./view.ts";

export interface MachineChange {
  /** true: not offered again once it is free */
  drained?: boolean | undefined;
  /** replaces all labels */
  labels?: Record<string, string> | undefined;
  /** "type base64": the key to expect from now on; a quarantined machine is retried with it at once */
  hostKey?: string | undefined;
  /** true: a quarantined machine is tried again now, and the result is returned */
  retry?: boolean | undefined;
}

/**
 * Changes what an admin may change on a machine, unless it is being removed: a removal can't be undone.
 * @throws PoolError machine_not_found, machine_held, invalid_request
 */
export async function changeMachine(
  deps: MachinesDeps,
  name: string,
  change: MachineChange,
): Promise<MachineView> {
  const { drained, labels, hostKey, retry } = change;
  if (labels) refuseFacts(labels);
  if (drained !== undefined || labels || hostKey !== undefined) await write(deps, name, change);
  if (retry) await tryAgain(deps, name);
  return viewMachine(deps, name);
}

async function write(deps: MachinesDeps, name: string, change: MachineChange): Promise<void> {
  const { drained, labels, hostKey } = change;
  const found = await transact(deps.db, async (tx) => {
    const rows = matched(
      await tx
        .update(machines)
        .set({
          ...(drained === undefined ? {} : { drained }),
          ...(labels === undefined ? {} : { labels }),
          ...(hostKey === undefined
            ? {}
            : {
                hostKey,
                retryAt: sql`IF(${machines.state} = ${MACHINE.quarantined}, ${now}, ${machines.retryAt})`,
              }),
        })
        .where(and(eq(machines.name, name), ne(machines.state, MACHINE.removing))),
    );
    if (rows > 0) await record(deps, tx, "machine.changed", name, { drained, labels, host_key: hostKey });
    return rows;
  });
  if (found > 0) tellChange(deps);
  if (found > 0) return;
  await viewMachine(deps, name);
  throw new PoolError("machine_held", `'${name}' is being removed`);
}
