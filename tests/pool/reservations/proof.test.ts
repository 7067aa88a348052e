// What is kept about the removals of a reservation, and shown to its user.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { PoolError } from "../../../pool/errors.ts";
import { retry } from "../../../pool/lifecycle/retry.ts";
import { removeMachine } from "../../../pool/machines/remove.ts";
import { prune } from "../../../pool/reservations/prune.ts";
import { release, releaseAll } from "../../../pool/reservations/release.ts";
import { viewProof } from "../../../pool/reservations/slots/proof.ts";
import { reduce } from "../../../pool/reservations/slots/reduce.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
let clean: StubPool["deps"]["accounts"]["clean"];
beforeAll(async () => {
  pool = await startStubPool(4);
  clean = pool.deps.accounts.clean;
});
afterAll(() => pool.stop());
afterEach(async () => {
  pool.deps.accounts.clean = clean;
  pool.creates.clear();
  await releaseAll(pool.deps);
  await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined'");
  await retry(pool.deps);
  await pool.sql("UPDATE machines SET last_used_at = UTC_TIMESTAMP(3) + INTERVAL port MINUTE");
});

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => (error instanceof PoolError ? `${error.kind}: ${error.message}` : error),
  );
const counts = { processes: 1, homeFiles: 2, sweptFiles: 3, ipc: 4, mounts: 5 };

test("for each machine, by slot: what was removed, when, and its last word; once the reservation is over", async () => {
  const { id } = await pool.reserve("ann", 2);
  await reduce(pool.deps, id, ["node2"]);
  expect(await refusal(viewProof(pool.deps, id))).toBe(
    "reservation_not_over: The reservation is active; what is removed of it can be shown once it is over",
  );
  await release(pool.deps, id);
  const shown = await viewProof(pool.deps, id);
  const proof = { said: `CLEAN ann ${shown.uid}`, counts };
  const time = expect.any(Date);
  const at = { confirmedAt: time, endingAt: time, releasedAt: time };
  expect(shown).toEqual({
    id,
    username: "ann",
    uid: expect.any(Number),
    endedAt: time,
    machines: [
      { slot: "node1", machine: "stub-1", ...at, proof },
      { slot: "node2", machine: "stub-2", ...at, proof },
    ],
  });
  const [first, second] = shown.machines;
  expect(second?.releasedAt?.getTime()).toBeLessThanOrEqual(first?.endingAt?.getTime() ?? 0);
  expect(first?.releasedAt?.getTime()).toBeLessThanOrEqual(shown.endedAt?.getTime() ?? 0);
  expect(await refusal(viewProof(pool.deps, id, "another user"))).toStartWith("reservation_not_found");
});

test("a machine that failed in preparation is in it, too", async () => {
  pool.creates.set(1, () => {
    throw new MachineFault("unreachable", "it is gone");
  });
  const { id } = await pool.reserve("ann", 2);
  await release(pool.deps, id);
  expect((await viewProof(pool.deps, id)).machines).toMatchObject([
    { slot: "node1", machine: "stub-1", confirmedAt: null, proof: { counts } },
    { slot: "node1", machine: "stub-3", proof: { counts } },
    { slot: "node2", machine: "stub-2", proof: { counts } },
  ]);
});

test("nothing is proved for a machine that is not clean, nor for one that was removed so", async () => {
  const { id } = await pool.reserve("ann", 2);
  pool.deps.accounts.clean = () => Promise.reject(new MachineFault("leftovers", "still there"));
  await release(pool.deps, id);
  expect(await viewProof(pool.deps, id)).toMatchObject({
    endedAt: null,
    machines: [
      { releasedAt: null, proof: null },
      { releasedAt: null, proof: null },
    ],
  });
  expect(await removeMachine(pool.deps, "stub-1", true)).toEqual({ clean: false });
  pool.deps.accounts.clean = clean;
  // By force, but clean.
  expect(await removeMachine(pool.deps, "stub-2", true)).toEqual({ clean: true });
  const { endedAt, machines } = await viewProof(pool.deps, id);
  expect(endedAt).not.toBeNull();
  expect(machines).toMatchObject([
    { machine: "stub-1", releasedAt: expect.any(Date), proof: null },
    { machine: "stub-2", releasedAt: expect.any(Date), proof: { counts } },
  ]);
  const [row] = await pool.sql(
    "SELECT proof FROM holds WHERE machine_name = 'stub-1' ORDER BY claimed_at DESC",
  );
  expect(row.proof).toBeNull();
});

test("it is deleted with the reservation, not before", async () => {
  const { id } = await pool.reserve("ann", 1);
  await release(pool.deps, id);
  await prune(pool.deps);
  expect((await viewProof(pool.deps, id)).machines).toHaveLength(1);
  await pool.sql("UPDATE reservations SET ended_at = ended_at - INTERVAL 400 DAY WHERE id = ?", [id]);
  await pool.sql("UPDATE machines SET swept_at = UTC_TIMESTAMP(3)");
  await prune(pool.deps);
  expect(await refusal(viewProof(pool.deps, id))).toStartWith("reservation_not_found");
});
