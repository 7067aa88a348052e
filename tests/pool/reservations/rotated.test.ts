// SECRET_KEY is changed while somebody waits whose password it was to make.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Credential } from "../../../pool/accounts/accounts.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { release } from "../../../pool/reservations/release.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { planNow } from "../../../pool/reservations/schedule/planner.ts";
import { collect } from "../../../pool/reservations/waiting/collect.ts";
import { keysOf } from "../../../pool/secrets/keyring.ts";
import { finishRotation, rotateKey } from "../../../pool/secrets/rotate_key.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
const made: Credential[] = [];
beforeAll(async () => {
  pool = await startStubPool(1);
  const { accounts } = pool.deps;
  const create: typeof accounts.create = async (...step) => {
    made.push(step[3]);
    return accounts.create(...step);
  };
  pool.deps.accounts = { ...accounts, create };
});
afterAll(() => pool.stop());

const starts = async (id: string) => {
  await planNow(pool.deps);
  await until("it has started", 10_000, async () => {
    const [row] = await pool.sql("SELECT state FROM reservations WHERE id = ?", [id]);
    return row.state === "active";
  });
};

test.each([
  ["the rotation is over", true],
  ["not every process has the new key yet", false],
])("who waited is told the password of their accounts: %s", async (_, isFinished) => {
  const full = await pool.reserve("ann");
  const input = { principal: ADMIN, username: "bob", count: 1, durationMinutes: 5, wait: 60 };
  const idempotencyKey = `before-${isFinished}`;
  const { id } = await reserve(pool.deps, { ...input, idempotencyKey });
  const next = Buffer.alloc(32, isFinished ? 7 : 8).toString("base64");
  await rotateKey(pool.deps, next);
  const old = { ...pool.deps };
  const restarted = { ...pool.deps, keys: keysOf(pool.deps.db, next) };
  if (isFinished) await finishRotation(restarted);
  pool.deps.keys = restarted.keys;
  await release(pool.deps, full.id);
  await starts(id);
  // One that still has the old key learns the new one.
  const { password } = await collect(isFinished ? restarted : old, id, ADMIN);
  expect(password).toMatch(/^[\w-]{22}$/);
  expect(made.at(-1)).toEqual({ kind: "password", password: password as string });
  const again = await reserve(restarted, { ...input, idempotencyKey });
  expect([again.id, again.password]).toEqual([id, password as string]);
  await release(pool.deps, id);
});
