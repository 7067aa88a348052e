import { isIP } from "node:net";
import { and, eq, or, sql } from "drizzle-orm";
import { inSeconds, now, transact } from "../../db/client.ts";
import { troubleOf } from "../../db/errors.ts";
import { machines } from "../../db/schema/pool.ts";
import { refusal } from "../accounts/address.ts";
import { record } from "../audit/events.ts";
import { invalid, PoolError } from "../errors.ts";
import { clean } from "../lifecycle/clean.ts";
import { firstGeneration } from "../lifecycle/lease.ts";
import { dirtyBefore, type RemovedDirty } from "../lifecycle/removed_dirty.ts";
import { tellChange } from "../lifecycle/settle.ts";
import { machineMoves } from "../lifecycle/states.ts";
import { canonicalAddress } from "../lifecycle/target.ts";
import type { MachinesDeps } from "./deps.ts";
import { refuseFacts } from "./labels.ts";
import { removeThis } from "./remove.ts";
import { type MachineView, viewMachine } from "./view.ts";

export interface RegisterInput {
  name: string;
  host: string;
  port: number;
  user: string;
  /** pool_key: the pool's own, which GET /ssh-key shows */
  secret: { kind: "password" | "private_key"; value: string } | { kind: "pool_key" };
  labels: Record<string, string>;
  /** "type base64"; null: learn it */
  hostKey: string | null;
}

/** Refuses what is wrong with a request, whatever is in the pool. @throws PoolError invalid_request */
export function refuseInput(deps: MachinesDeps, input: RegisterInput): void {
  refuseFacts(input.labels);
  const literal = input.host.replace(/^\[|\]$/g, "");
  const why =
    isIP(literal) && !deps.machineLocalhost ? refusal(literal, input.port, deps.addressRules) : undefined;
  if (why) throw invalid("host", why);
}

/** Why it can't be in the pool beside another one with its name or its address. */
export function clash(input: RegisterInput, name: string | undefined): PoolError {
  if (name?.toLowerCase() === input.name.toLowerCase())
    return new PoolError("machine_exists", `Machine '${name}' already exists; delete it first`);
  return new PoolError(
    "address_taken",
    `${input.host}:${input.port} is already in the pool as '${name ?? "unknown"}'; a machine can't be offered twice`,
  );
}

/**
 * Adds a machine to the pool. It starts in quarantine and leaves it as every machine does: reached, its host key learnt
 * or compared, orphaned accounts removed.
 * @param check false: don't contact it now; the scheduler will
 * @returns the machine, available, or quarantined with the reason; and whether it was once removed dirty
 * @throws PoolError machine_exists, address_taken, invalid_request
 */
export async function register(
  deps: MachinesDeps,
  input: RegisterInput,
  check: boolean,
): Promise<MachineView & { removedDirty: RemovedDirty | null }> {
  if (deps.requireHostKey && !input.hostKey)
    throw invalid(
      "host_key",
      "is required here (REQUIRE_HOST_KEY); get it with ssh-keyscan on a network that you trust",
    );
  refuseInput(deps, input);
  const address = canonicalAddress(input.host);
  const id = crypto.randomUUID();
  const row = {
    id,
    name: input.name,
    host: input.host,
    address,
    port: input.port,
    loginUser: input.user,
    secretKind: input.secret.kind,
    labels: input.labels,
    hostKey: input.hostKey,
    ...machineMoves("register"),
    generation: firstGeneration,
    // Leased to us from the start: otherwise the scheduler, for which it is due, could be quicker.
    ...(check ? { leaseWorker: deps.worker, leaseUntil: inSeconds(deps.leaseSeconds) } : {}),
    lastError: "not contacted yet",
    retryAt: now,
    lastUsedAt: now,
    probedAt: now,
    // The machine itself remembers the uids of an earlier registration.
    sweptAt: now,
    sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL ${60 + Math.floor(Math.random() * 1380)} MINUTE`,
    createdAt: now,
  };
  try {
    await transact(deps.db, async (tx) => {
      const alike = sql`LOWER(${machines.name}) = LOWER(${input.name}) AND ${machines.name} <> ${input.name}`;
      const [twin] = await tx.select({ name: machines.name }).from(machines).where(alike).limit(1);
      if (twin) throw clash(input, twin.name);
      const secret = input.secret.kind === "pool_key" ? "" : await deps.keys.seal(tx, id, input.secret.value);
      await tx.insert(machines).values({ ...row, secret });
      const dirty = await dirtyBefore(tx, row);
      await record(deps, tx, "machine.registered", input.name, {
        host: input.host,
        port: input.port,
        user: input.user,
        removed_dirty: dirty && {
          machine: dirty.machine,
          removed_at: dirty.removedAt.toISOString(),
          username: dirty.username,
          reason: dirty.reason,
        },
      });
    });
  } catch (error) {
    if (troubleOf(error) !== "duplicate") throw error;
    const [other] = await deps.db
      .select()
      .from(machines)
      .where(
        or(eq(machines.name, input.name), and(eq(machines.address, address), eq(machines.port, input.port))),
      );
    // If the connection was lost in COMMIT, the repeat finds its own row.
    if (other?.id !== id) throw clash(input, other?.name);
  }
  if (check) {
    const [seen] = await deps.db.select().from(machines).where(eq(machines.id, id));
    if (seen?.leaseWorker === deps.worker) await clean(deps, seen);
  }
  // By its id: another machine may have its name by now.
  const [made] = await deps.db.select().from(machines).where(eq(machines.id, id));
  if (!made)
    throw new PoolError("machine_not_found", `'${input.name}' was removed while it was being registered`);
  if (check && made.fault === "duplicate") {
    await removeThis(deps, made, true);
    throw new PoolError("address_taken", `${input.host}:${input.port}: ${made.lastError}`);
  }
  tellChange(deps);
  // Now that its host key is known.
  return { ...(await viewMachine(deps, input.name)), removedDirty: await dirtyBefore(deps.db, made) };
}
