// admit → allocate → prepare → confirm: each alone, on what the previous one left.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Credential } from "../../../pool/accounts/accounts.ts";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { machinesHeldBy } from "../../../pool/lifecycle/clean.ts";
import { recover } from "../../../pool/lifecycle/recover.ts";
import { release } from "../../../pool/reservations/release.ts";
import { admit, type ReserveInput } from "../../../pool/reservations/steps/admit.ts";
import { type Allocated, allocate } from "../../../pool/reservations/steps/allocate.ts";
import { confirm } from "../../../pool/reservations/steps/confirm.ts";
import { prepare } from "../../../pool/reservations/steps/prepare.ts";
import { undo } from "../../../pool/reservations/steps/undo.ts";
import { recordMoves } from "../../support/moves.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

let pool: StubPool;
let moves: Awaited<ReturnType<typeof recordMoves>>;
const opened: Credential[] = [];
beforeAll(async () => {
  pool = await startStubPool(3);
  moves = await recordMoves(pool.sql);
  const { create } = pool.deps.accounts;
  pool.deps.accounts.create = (target, generation, account, credential, seconds, signal) => {
    opened.push(credential);
    return create(target, generation, account, credential, seconds, signal);
  };
});
afterAll(() => pool.stop());

const asked = (more: Partial<ReserveInput> = {}): ReserveInput => ({
  principal: ADMIN,
  username: "ann",
  count: 1,
  durationMinutes: 5,
  ...more,
});
const rowOf = async (id: string) =>
  (await pool.sql("SELECT state, credential, idempotency_key FROM reservations WHERE id = ?", [id]))[0];
const allocated = async (more?: Partial<ReserveInput>) =>
  (await allocate(pool.deps, admit(pool.deps, asked(more)), 0)) as Allocated;

test("admit refuses what the rules forbid, without using the pool", () => {
  const deps = { ...pool.deps, db: undefined as never };
  expect(() => admit(deps, asked({ durationMinutes: 999_999 }))).toThrow("duration: at most 10080 minutes");
  expect(() => admit(deps, asked({ username: "root" }))).toThrow("username");
  const principal = { ...ADMIN, role: "user" as const, userName: "eve" };
  expect(() => admit({ ...deps, accountNames: "own" }, asked({ principal }))).toThrow(
    "must have your own name: eve",
  );
  expect(admit(deps, asked()).credential).toBeNull();
});

test("allocate seals the credential in the row, prepare opens it, confirm erases it", async () => {
  const it = await allocated({ password: "pass-word-1", count: 2 });
  const { state, credential } = await rowOf(it.id);
  expect(state).toBe("preparing");
  expect(credential).toStartWith("v2.");
  expect(credential).not.toContain("pass-word-1");

  opened.length = 0;
  // The preparing worker has only what is in the database, as a scheduler would.
  const prepared = await prepare(pool.deps, it);
  expect(opened).toEqual([
    { kind: "password", password: "pass-word-1" },
    { kind: "password", password: "pass-word-1" },
  ]);
  expect((await rowOf(it.id)).state).toBe("preparing");

  await confirm(pool.deps, prepared);
  expect(await rowOf(it.id)).toMatchObject({ state: "active", credential: null });
  // A COMMIT whose answer was lost is repeated.
  await confirm(pool.deps, prepared);
  await undo(pool.deps, it.id, "over", true, false);
});

test("the largest credential that a request can carry fits in the row", async () => {
  // A body has 64 KiB (http/body.ts), and sealing makes it a third larger.
  const keys = Array.from({ length: 20 }, () => `ssh-rsa ${"A".repeat(3230)}`);
  const it = await allocated({ keys });
  opened.length = 0;
  await prepare(pool.deps, it);
  expect(opened).toEqual([{ kind: "keys", keys }]);
  await undo(pool.deps, it.id, "over", true, false);
});

test("a sealed credential moves to the new SECRET_KEY with all the others", async () => {
  const { rotateKey, finishRotation } = await import("../../../pool/secrets/rotate_key.ts");
  const { keysOf } = await import("../../../pool/secrets/keyring.ts");
  const it = await allocated({ password: "pass-word-2" });
  const old = pool.deps.keys;
  const next = Buffer.alloc(32, 7).toString("base64");
  await rotateKey(pool.deps, next);
  pool.deps.keys = keysOf(pool.deps.db, next);
  await finishRotation(pool.deps);
  opened.length = 0;
  // Another process reads the current rows.
  const now = await machinesHeldBy(pool.deps, it.id);
  await confirm(pool.deps, await prepare(pool.deps, { ...it, machines: now }));
  expect(opened).toEqual([{ kind: "password", password: "pass-word-2" }]);
  expect(old.ownId).not.toBe(pool.deps.keys.ownId);
  await undo(pool.deps, it.id, "over", true, false);
});

test("undo erases the credential and frees the key and the machines", async () => {
  const it = await allocated({ idempotencyKey: "k1", keys: ["ssh-ed25519 AAAA"] });
  await undo(pool.deps, it.id, new MachineFault("failed", "no"), false, false);
  expect(await rowOf(it.id)).toEqual({ state: "failed", credential: null, idempotency_key: null });
  expect(await pool.sql("SELECT 1 FROM machines WHERE state <> 'available'")).toEqual([]);
  await expect(prepare(pool.deps, it)).rejects.toThrow("ended while it was being prepared");
});

test("a release before the accounts exist erases the credential, and nothing is prepared any more", async () => {
  const it = await allocated({ password: "pass-word-3" });
  expect(await release(pool.deps, it.id)).toMatchObject({ clean: [], inProgress: [it.machines[0]?.name] });
  expect(await rowOf(it.id)).toMatchObject({ state: "ending", credential: null });
  opened.length = 0;
  expect(prepare(pool.deps, it)).rejects.toThrow("ended while it was being prepared");
  expect(opened).toEqual([]);
  await undo(pool.deps, it.id, "over", false, false);
});

test("confirm takes only what prepare has made: this does not compile", () => {
  // @ts-expect-error
  const unprepared = (it: Allocated) => confirm(pool.deps, it);
  expect(unprepared).toBeFunction();
});

test("confirm refuses if a machine was taken over in the meantime", async () => {
  const prepared = await prepare(pool.deps, await allocated());
  await pool.sql("UPDATE machines SET lease_worker = 'somebody' WHERE reservation_id = ?", [prepared.id]);
  await expect(confirm(pool.deps, prepared)).rejects.toThrow("ended while it was being prepared");
  await pool.sql("UPDATE machines SET lease_worker = ? WHERE reservation_id = ?", [
    pool.deps.worker,
    prepared.id,
  ]);
  await undo(pool.deps, prepared.id, "over", false, false);
});

test("a second request with the same key is not allocated, and finds the first one", async () => {
  const one = await allocated({ idempotencyKey: "k2" });
  expect(await allocated({ idempotencyKey: "k2" })).toBeUndefined();
  await undo(pool.deps, one.id, "over", false, false);
});

test("no state has changed in a way that states.ts, and so the diagram in the docs, does not have", async () => {
  const { made, unknown } = await moves();
  expect(made).toContain("reservations: active → failed");
  expect(unknown).toEqual([]);
});

test("a machine that is ready is not taken from its worker while the slowest is still being prepared", async () => {
  const deps = { ...pool.deps, leaseSeconds: 1 };
  const it = (await allocate(deps, admit(deps, asked({ count: 2 })), 0)) as Allocated;
  const { create } = pool.deps.accounts;
  deps.accounts = {
    ...pool.deps.accounts,
    create: async (target, ...rest) => {
      if (target.port === Number(it.machines[0]?.port)) await Bun.sleep(2000);
      return create(target, ...rest);
    },
  };
  let isDone = false;
  const prepared = prepare(deps, it).finally(() => {
    isDone = true;
  });
  await until("it is prepared", 10_000, async () => {
    await recover(pool.deps);
    return isDone;
  });
  await confirm(deps, await prepared);
  expect((await rowOf(it.id)).state).toBe("active");
  await release(pool.deps, it.id);
});
