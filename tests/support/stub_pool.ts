// A pool with a real database and fake machines: for testing the pool's own decisions, many thousand times.

import { readConfig } from "../../config.ts";
import { waitForTables } from "../../db/migrate.ts";
import { build, type Deps } from "../../deps.ts";
import type { Accounts } from "../../pool/accounts/accounts.ts";
import { ADMIN } from "../../pool/identity/principal.ts";
import { register } from "../../pool/machines/register.ts";
import { release } from "../../pool/reservations/release.ts";
import { reserve } from "../../pool/reservations/reserve.ts";
import { coalesce, turns } from "../../pool/turns.ts";
import { newSettings } from "./program.ts";
import { until } from "./until.ts";

export interface StubPool {
  deps: Deps;
  /** how a machine, by its port, reacts to a request for an account; default: it makes one */
  creates: Map<number, (uid: number) => void>;
  /** what a machine, by its port, says of itself; default: nothing */
  facts: Map<number, Record<string, string>>;
  /** Runs SQL on the pool's database. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql(text: string, values?: unknown[]): Promise<any[]>;
  /** Reserves, without a user or for one by id. */
  reserve(username: string, count?: number, userId?: string | null): ReturnType<typeof reserve>;
  stop(): Promise<void>;
}

/** Registers the machine on a port. */
export const addStub = (deps: Deps, port: number) =>
  register(
    deps,
    {
      name: `stub-${port}`,
      host: "127.0.0.1",
      port,
      user: "root",
      secret: { kind: "password", value: "none" },
      labels: {},
      hostKey: null,
    },
    true,
  );

/** What each process of the program has for itself. */
const own = () => ({ changes: new EventTarget(), planning: coalesce<void>(), planTurns: turns() });

/** The dependencies of a second process beside it, on the same database. */
export const anotherProcess = (deps: Deps): Deps => ({ ...deps, worker: crypto.randomUUID(), ...own() });

/** Releases everything, the newest first, and waits until so many machines are offered again. */
export async function emptyPool({ creates, deps, sql }: StubPool, size: number): Promise<void> {
  creates.clear();
  const left = await sql("SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC");
  for (const { id } of left) await release(deps, id).catch(() => {});
  await until("all is free", 10_000, async () => {
    const [{ n }] = await sql("SELECT COUNT(*) AS n FROM machines WHERE state = 'available'");
    return n === size;
  });
}

/** @param size machines, on port 1, 2, … */
export async function startStubPool(size: number, settings: Record<string, string> = {}): Promise<StubPool> {
  const all = await newSettings({ LOG_LEVEL: "error", ...settings });
  const built = build(readConfig(all));
  await waitForTables(built.database, all.DATABASE_URL, 60, () => {});
  const creates: StubPool["creates"] = new Map();
  const facts: StubPool["facts"] = new Map();
  const identity = (port: number) => `${port}`.padStart(32, "0");
  const accounts: Accounts = {
    longestSeconds: 30,
    look: async ({ port }) => ({
      hostKey: "ssh-ed25519 AAAA",
      accounts: 0,
      identity: identity(port),
      facts: facts.get(port) ?? {},
    }),
    shownHostKey: async () => "ssh-ed25519 AAAA",
    create: async ({ port }, _, { uid }) => creates.get(port)?.(uid),
    extend: async ({ port }, _, { uid }) => creates.get(port)?.(uid),
    clean: async ({ port }, _, holder) => ({
      identity: identity(port),
      facts: facts.get(port) ?? {},
      proof: {
        said: holder ? `CLEAN ${holder.username} ${holder.uid}` : "CLEAN - 0",
        counts: { processes: 1, homeFiles: 2, sweptFiles: 3, ipc: 4, mounts: 5 },
      },
    }),
    sweep: async () => 0,
  };
  // Its own, since the program's plan with the real accounts.
  const deps: Deps = { ...built, accounts, ...own() };
  for (let port = 1; port <= size; port++) await addStub(deps, port);
  return {
    deps,
    creates,
    facts,
    sql: async (text, values) => (await deps.database.pool.query(text, values))[0] as unknown[],
    reserve: (username, count = 1, userId = null) =>
      reserve(deps, { principal: { ...ADMIN, userId }, username, count, durationMinutes: 1, password: "pw" }),
    stop: () => deps.database.close(),
  };
}
