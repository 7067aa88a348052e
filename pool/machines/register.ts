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
import { machineMoves } from "../lifecycle/states.ts";
import { canonicalAddress } from "../lifecycle/target.ts";
import type { MachinesDeps } from "./deps.ts";
import { removeThis } from "./remove.ts";
import { type MachineView, viewMachine } from "./view.ts";

export interface NewMachine {
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

/**
 * Adds a machine to the pool. It starts in quarantine and leaves it the way every machine does: reached, its host key
 * learnt or compared, swept of accounts that nobody holds.
 * @param check false: don't contact it now; the scheduler will
 * @returns the machine, available, or quarantined with the reason; and whether it was once removed without being clean
 * @throws PoolError machine_exists, address_taken
 */
export async function register(
  deps: MachinesDeps,
  input: NewMachine,
  check: boolean,
): Promise<MachineView & { removedDirty: RemovedDirty | null }> {
  if (deps.requireHostKey && !input.hostKey)
    throw invalid(
      "host_key",
      "must be given here (REQUIRE_HOST_KEY): ssh-keyscan on a network that you trust shows it",
    );
  const address = canonicalAddress(input.host);
  const literal = input.host.replace(/^\[|\]$/g, "");
  const why =
    isIP(literal) && !deps.machineLocalhost ? refusal(literal, input.port, deps.addressRules) : undefined;
  if (why) throw invalid("host", why);
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
    // In our hands from its first moment: else the scheduler, whom it is due for, may be quicker than we are.
    ...(check ? { leaseWorker: deps.worker, leaseUntil: inSeconds(deps.leaseSeconds) } : {}),
    lastError: "not contacted yet",
    retryAt: now,
    lastUsedAt: now,
    probedAt: now,
    // What it was given in an earlier life, the machine itself remembers.
    sweptAt: now,
    sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL ${60 + Math.floor(Math.random() * 1380)} MINUTE`,
    createdAt: now,
  };
  try {
    await transact(deps.db, async (tx) => {
      const alike = sql`LOWER(${machines.name}) = LOWER(${input.name}) AND ${machines.name} <> ${input.name}`;
      const [twin] = await tx.select({ name: machines.name }).from(machines).where(alike).limit(1);
      if (twin)
        throw new PoolError("machine_exists", `There is a machine '${twin.name}' already; delete it first`);
      const secret = input.secret.kind === "pool_key" ? "" : await deps.keys.seal(tx, id, input.secret.value);
      await tx.insert(machines).values({ ...row, secret });
      await record(deps, tx, "machine.registered", input.name, {
        host: input.host,
        port: input.port,
        user: input.user,
        removed_dirty: await dirtyBefore(tx, row),
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
    // After a connection lost in COMMIT the repeat meets its own row.
    if (other?.id !== id) {
      if (other?.name === input.name)
        throw new PoolError("machine_exists", `There is a machine '${input.name}' already; delete it first`);
      throw new PoolError(
        "address_taken",
        `${input.host}:${input.port} is machine '${other?.name ?? "unknown"}' already; one machine can't be offered twice`,
      );
    }
  }
  if (check) {
    const [seen] = await deps.db.select().from(machines).where(eq(machines.id, id));
    if (seen?.leaseWorker === deps.worker) await clean(deps, seen);
  }
  // By its id: its name may be another one's by now.
  const [made] = await deps.db.select().from(machines).where(eq(machines.id, id));
  if (!made) throw new PoolError("machine_not_found", `'${input.name}' was removed while it was registered`);
  if (check && made.fault === "duplicate") {
    await removeThis(deps, made, true);
    throw new PoolError("address_taken", `${input.host}:${input.port}: ${made.lastError}`);
  }
  // Now that its host key is known, too.
  return { ...(await viewMachine(deps, input.name)), removedDirty: await dirtyBefore(deps.db, made) };
}
