// Releasing some machines of a reservation by name: the rest goes on.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../../app.ts";
import { MachineFault } from "../../../pool/accounts/faults.ts";
import { PoolError } from "../../../pool/errors.ts";
import { ADMIN } from "../../../pool/identity/principal.ts";
import { recover } from "../../../pool/lifecycle/recover.ts";
import { retry } from "../../../pool/lifecycle/retry.ts";
import { release, releaseAll } from "../../../pool/reservations/release.ts";
import { refill } from "../../../pool/reservations/replace/refill.ts";
import { reserve } from "../../../pool/reservations/reserve.ts";
import { reduce } from "../../../pool/reservations/slots/reduce.ts";
import { viewReservation } from "../../../pool/reservations/view.ts";
import { inProcess } from "../../support/in_process.ts";
import { recordMoves } from "../../support/moves.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
let moves: Awaited<ReturnType<typeof recordMoves>>;
let clean: StubPool["deps"]["accounts"]["clean"];
beforeAll(async () => {
  pool = await startStubPool(4);
  moves = await recordMoves(pool.sql);
  clean = pool.deps.accounts.clean;
});
afterAll(() => pool.stop());
afterEach(async () => {
  pool.deps.accounts.clean = clean;
  await releaseAll(pool.deps);
  await pool.sql("UPDATE machines SET lease_until = UTC_TIMESTAMP(3), retry_at = UTC_TIMESTAMP(3)");
  await recover(pool.deps);
  await retry(pool.deps);
  expect(await pool.sql("SELECT name FROM machines WHERE state <> 'available'")).toEqual([]);
  expect(await pool.sql("SELECT id FROM holds WHERE released_at IS NULL")).toEqual([]);
  await pool.sql("UPDATE machines SET last_used_at = UTC_TIMESTAMP(3) + INTERVAL port MINUTE");
});

const left = async (id: string) =>
  (await viewReservation(pool.deps, id)).machines.map(({ slot, machine }) => `${slot} ${machine}`);
const states = async () =>
  Object.fromEntries((await pool.sql("SELECT name, state FROM machines")).map((m) => [m.name, m.state]));
const actions = async (id: string) =>
  (await pool.sql("SELECT action, details FROM events WHERE object = ? ORDER BY id", [id])).map(
    ({ action, details }) => [action, typeof details === "string" ? JSON.parse(details) : details],
  );
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => (error instanceof PoolError ? `${error.kind}: ${error.message}` : error),
  );

test("by name or by slot; the rest goes on with its slots, and what was released is offered again", async () => {
  const { id, endsAt } = await pool.reserve("ann", 4);
  expect(await reduce(pool.deps, id, ["stub-1", "node3", "node1"])).toMatchObject({
    clean: ["stub-1", "stub-3"],
    pending: [],
  });
  expect(await left(id)).toEqual(["node2 stub-2", "node4 stub-4"]);
  expect(await viewReservation(pool.deps, id)).toMatchObject({ state: "active", endsAt });
  expect(await states()).toMatchObject({ "stub-1": "available", "stub-2": "reserved" });
  // A repeat changes nothing, even when somebody else has the machine.
  const other = await pool.reserve("bob", 1);
  expect(["stub-1", "stub-3"]).toContain(other.machines[0]?.machine as string);
  expect(await reduce(pool.deps, id, ["stub-1", "node3"])).toMatchObject({
    clean: ["stub-1", "stub-3"],
    pending: [],
  });
  expect(await left(other.id)).toEqual([`node1 ${other.machines[0]?.machine}`]);
  expect(await actions(id)).toEqual([
    ["reservation.claimed", expect.anything()],
    ["reservation.confirmed", expect.anything()],
    ["reservation.reduced", { machines: ["stub-1", "stub-3"], left: 2 }],
  ]);
});

test("with its last machine, the reservation ends, and a repeat says the same", async () => {
  const { id } = await pool.reserve("ann", 2);
  await reduce(pool.deps, id, ["node2"]);
  for (let n = 0; n < 2; n++)
    expect(await reduce(pool.deps, id, ["node1"])).toMatchObject({
      clean: ["stub-1"],
      pending: [],
      left: [],
    });
  expect((await viewReservation(pool.deps, id)).state).toBe("ended");
  expect((await actions(id)).at(-1)).toEqual([
    "reservation.ended",
    { reason: "its last machine was released" },
  ]);
});

test("an unknown name is refused, and nothing is released", async () => {
  const { id } = await pool.reserve("ann", 2);
  const free = "This reservation has no machine 'stub-4'; it has node1 (stub-1), node2 (stub-2)";
  expect(await refusal(reduce(pool.deps, id, ["node1", "stub-4"]))).toBe(`machine_not_found: ${free}`);
  expect(await refusal(reduce(pool.deps, id, ["node3"]))).toStartWith("machine_not_found");
  expect(await left(id)).toHaveLength(2);
  expect(await refusal(reduce(pool.deps, "none", ["node1"]))).toStartWith("reservation_not_found");
  expect(await refusal(reduce(pool.deps, id, ["node1"], "another user"))).toStartWith(
    "reservation_not_found",
  );
});

test("a machine that was swapped during preparation was never its user's", async () => {
  pool.creates.set(1, () => {
    throw new MachineFault("unreachable", "it is gone");
  });
  const { id } = await pool.reserve("ann", 2);
  pool.creates.clear();
  expect(await left(id)).toEqual(["node1 stub-3", "node2 stub-2"]);
  expect(await refusal(reduce(pool.deps, id, ["stub-1"]))).toStartWith("machine_not_found");
  await reduce(pool.deps, id, ["node1"]);
  expect(await left(id)).toEqual(["node2 stub-2"]);
});

test("a name that is one machine's, and another one's slot, is refused", async () => {
  await pool.sql("UPDATE machines SET name = 'node2' WHERE name = 'stub-1'");
  const { id } = await pool.reserve("ann", 3);
  expect(await left(id)).toEqual(["node1 node2", "node2 stub-2", "node3 stub-3"]);
  expect(await refusal(reduce(pool.deps, id, ["node2"]))).toBe(
    "invalid_request: machines: 'node2' is a machine, and the slot of another one; use the slot node1 or the name stub-2",
  );
  await reduce(pool.deps, id, ["stub-2"]);
  expect(await left(id)).toEqual(["node1 node2", "node3 stub-3"]);
  await reduce(pool.deps, id, ["node1"]);
  expect(await left(id)).toEqual(["node3 stub-3"]);
  await pool.sql("UPDATE machines SET name = 'stub-1' WHERE name = 'node2'");
});

test("only while it is active", async () => {
  await pool.reserve("ann", 4);
  const input = { principal: ADMIN, username: "bob", count: 1, durationMinutes: 10, wait: 60 };
  const { id } = await reserve(pool.deps, input);
  expect(await refusal(reduce(pool.deps, id, ["node1"]))).toBe(
    "reservation_not_active: The reservation is queued; single machines can be released only while it is active",
  );
  await release(pool.deps, id);
});

test("a machine that can't be cleaned is not offered, and a repeat tries again", async () => {
  const { id } = await pool.reserve("ann", 2);
  pool.deps.accounts.clean = () => Promise.reject(new MachineFault("leftovers", "still there"));
  expect(await reduce(pool.deps, id, ["node2"])).toMatchObject({ clean: [], pending: ["stub-2"] });
  expect(await states()).toMatchObject({ "stub-1": "reserved", "stub-2": "quarantined" });
  expect(await left(id)).toEqual(["node1 stub-1"]);
  pool.deps.accounts.clean = clean;
  expect(await reduce(pool.deps, id, ["node2"])).toMatchObject({ clean: ["stub-2"], pending: [] });
});

test("it stays in quarantine until it is clean, although its reservation has ended", async () => {
  const { id } = await pool.reserve("ann", 2);
  pool.deps.accounts.clean = ({ port }, ...rest) =>
    port === 2
      ? Promise.reject(new MachineFault("leftovers", "still there"))
      : clean({ port } as Parameters<typeof clean>[0], ...rest);
  await reduce(pool.deps, id, ["node2"]);
  expect(await release(pool.deps, id)).toMatchObject({ clean: ["stub-1"], pending: ["stub-2"] });
  expect((await viewReservation(pool.deps, id)).state).toBe("ending");
});

test("what a process left in the middle is finished, and the rest goes on", async () => {
  const { id } = await pool.reserve("ann", 3);
  pool.deps.accounts.clean = () => new Promise(() => {});
  void reduce(pool.deps, id, ["node1", "node2"]);
  await until("it has begun", 5000, async () => (await states())["stub-1"] === "cleaning");
  pool.deps.accounts.clean = clean;
  await pool.sql(
    "UPDATE machines SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE state = 'cleaning'",
  );
  expect(await recover({ ...pool.deps, worker: "another" })).toBe(2);
  expect(await states()).toMatchObject({
    "stub-1": "available",
    "stub-2": "available",
    "stub-3": "reserved",
  });
  expect(await left(id)).toEqual(["node3 stub-3"]);
});

test("of many at once, each machine is released once, and the last one ends it", async () => {
  const { id } = await pool.reserve("ann", 4);
  let cleaned = 0;
  pool.deps.accounts.clean = async (...all) => {
    cleaned++;
    return clean(...all);
  };
  await Promise.all(
    ["node1", "node2", "node3", "node4", "stub-1", "stub-2"].map((one) => reduce(pool.deps, id, [one])),
  );
  expect(cleaned).toBe(4);
  expect((await viewReservation(pool.deps, id)).state).toBe("ended");
  const names = (await actions(id)).map(([action]) => action);
  expect(names.filter((one) => one === "reservation.reduced")).toHaveLength(3);
  expect(names.filter((one) => one === "reservation.ended")).toHaveLength(1);
});

/** As `probeHeld` leaves a machine that broke. */
async function breakIt(name: string): Promise<void> {
  await pool.sql(
    "UPDATE holds JOIN machines m ON m.id = live_machine SET lacking = 1, m.state = 'cleaning', m.fault = 'unreachable', m.retry_at = UTC_TIMESTAMP(3) WHERE m.name = ?",
    [name],
  );
}
const withReplacement = () =>
  reserve(pool.deps, { principal: ADMIN, username: "ann", count: 2, durationMinutes: 10, replace: true });

test("a slot that waits for another machine is released, too: none comes", async () => {
  const { id } = await withReplacement();
  await breakIt("stub-2");
  pool.deps.accounts.clean = () => Promise.reject(new MachineFault("unreachable", "no route"));
  expect(await reduce(pool.deps, id, ["node2"])).toMatchObject({ clean: [], pending: ["stub-2"] });
  pool.deps.accounts.clean = clean;
  expect(await refill(pool.deps)).toBe(0);
  expect(await left(id)).toEqual(["node1 stub-1"]);
  expect((await actions(id)).at(-1)).toEqual(["reservation.reduced", { machines: ["stub-2"], left: 1 }]);
  await reduce(pool.deps, id, ["node1"]);
  expect((await viewReservation(pool.deps, id)).state).toBe("ending");
});

test("one whose only other slot waits for a machine goes on; with that slot, it ends", async () => {
  const { id } = await withReplacement();
  await breakIt("stub-2");
  const send = inProcess(app, pool.deps);
  const reduced = await send("POST", `/reservations/${id}/release`, { machines: ["node1"] });
  expect(reduced.body).toMatchObject({
    message: "Machines released; the reservation waits for another instead of the one that broke",
    released: ["stub-1"],
    machines: [],
  });
  expect((await viewReservation(pool.deps, id)).state).toBe("active");
  expect(await refill(pool.deps)).toBe(1);
  const after = await left(id);
  expect(after).toEqual([expect.stringMatching(/^node2 stub-[134]$/)]);
  // By the name of the machine that broke: it is gone, and the slot has another one.
  expect(await reduce(pool.deps, id, ["stub-2"])).toMatchObject({ clean: ["stub-2"] });
  expect(await left(id)).toEqual(after);
  await breakIt(after[0]?.split(" ")[1] as string);
  await reduce(pool.deps, id, ["node2"]);
  expect((await viewReservation(pool.deps, id)).state).toBe("ended");
});

test("a machine that is being prepared for a slot is not needed when that is released", async () => {
  const { id } = await withReplacement();
  await breakIt("stub-2");
  let go = () => {};
  const { create } = pool.deps.accounts;
  const slow: typeof create = async (...all) => {
    await new Promise<void>((done) => {
      go = done;
    });
    return create(...all);
  };
  const filling = refill({ ...pool.deps, accounts: { ...pool.deps.accounts, create: slow } });
  await until("one is being prepared", 5000, async () => Object.values(await states()).includes("preparing"));
  await reduce(pool.deps, id, ["node2"]);
  go();
  await filling;
  expect(await left(id)).toEqual(["node1 stub-1"]);
  expect(Object.values(await states()).filter((state) => state === "available")).toHaveLength(3);
});

test("no state has changed in a way that states.ts does not have", async () => {
  expect((await moves()).unknown).toEqual([]);
});
