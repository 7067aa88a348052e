// If a machine refuses because of the request, the caller gets the error and the machine stays; its words are for admins.
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type FakeMachine, newKey, startFake } from "../../faults/tools/fake_ssh.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";

setDefaultTimeout(60_000);

const ADMIN = "the-admins-own-token";
const TELLING = "10.66.0.9: /srv/secret-project is in the way";
let pool: TestPool;
let fakes: FakeMachine[];
const tokens: Record<string, string> = { admin: ADMIN };

beforeAll(async () => {
  pool = await startPool(0, { settings: { ADMIN_TOKEN: ADMIN, SSH_TIMEOUT_SECONDS: "3" } });
  const key = newKey();
  fakes = await Promise.all([1, 2, 3].map((n) => startFake({ name: `fake-${n}`, key })));
  for (const { name, host, port, user, password } of fakes)
    expect((await as("admin", "POST", "/machines", { name, host, port, user, password })).status).toBe(201);
  expect((await as("admin", "POST", "/users", { name: "uma", role: "user" })).status).toBe(201);
  tokens.uma = (await as("admin", "POST", "/tokens", { user: "uma", name: "t", days: 1 })).body.token;
});
afterAll(async () => {
  await pool.stop();
  for (const fake of fakes) fake.stop();
});
afterEach(() => {
  for (const fake of fakes) {
    fake.behaviour = {};
    fake.steps.length = 0;
  }
});

const as = (who: string, method: string, path: string, body?: unknown) =>
  call(pool.api, method, path, body, { Authorization: `Bearer ${tokens[who]}` });
/** From now on, each create ends like this. */
function failWith(kind: string): void {
  for (const fake of fakes)
    fake.behaviour = {
      say: (truth) =>
        truth.startsWith("MADE")
          ? { text: `FAIL ${kind} ${TELLING}\n`, status: 1 }
          : { text: `${truth}\n`, status: 0 },
    };
}
const asked = () => fakes.flatMap(({ steps }) => steps).filter((step) => step.startsWith("MADE")).length;

for (const [kind, code] of [
  ["refused", "account_refused"],
  ["foreign_account", "username_taken"],
] as const)
  test(`${kind}: the caller gets the error, no other machine is tried, and all are offered again without a fault`, async () => {
    failWith(kind);
    for (const count of [1, 2]) {
      fakes.forEach(({ steps }) => {
        steps.length = 0;
      });
      const { status, body } = await as("uma", "POST", "/reservations", { username: "weak", count });
      expect([status, body.code]).toEqual([409, code]);
      expect(body.error).toMatch(/choose another username/);
      expect(asked()).toBe(count);
    }
    const rows = await pool.sql("SELECT state, fault, last_error, reservation_id FROM machines");
    expect(rows).toEqual(
      fakes.map(() => ({ state: "available", fault: null, last_error: null, reservation_id: null })),
    );
    const actions = (await as("admin", "GET", "/events")).body.events.map(
      (one: { action: string }) => one.action,
    );
    expect(actions).not.toContain("machine.quarantined");
    expect(actions).not.toContain("reservation.swapped");
  });

test("only admins see a machine's words; users see the kind of fault in ours", async () => {
  for (const kind of ["refused", "foreign_account", "unsupported", "failed", "timeout", "leftovers"]) {
    failWith(kind);
    const answers: Record<string, string> = {};
    for (const who of ["uma", "admin"]) {
      const username = `says-${kind.replace("_", "-")}-${who}`;
      // The machines that failed for the last one went to cleaning.
      await clean();
      const { status, body } = await as(who, "POST", "/reservations", { username });
      expect([409, 503]).toContain(status);
      const [row] = await pool.sql("SELECT id, fault FROM reservations WHERE username = ?", [username]);
      expect(row.fault).toBe(kind);
      const view = await as(who, "GET", `/reservations/${row.id}`);
      expect(view.body.state).toBe("failed");
      const shown = await Promise.all(
        ["/machines", "/reservations", "/available"].map((path) => as(who, "GET", path)),
      );
      answers[who] = JSON.stringify([body, view.body, who === "admin" ? "" : shown.map((one) => one.body)]);
      expect(answers[who].match(/10\.66\.0\.9|secret-project/g)?.length ?? 0).toBe(who === "admin" ? 4 : 0);
      if (who !== "admin") expect(view.body.reason).toMatch(/^(a machine|an account|that name)/);
    }
    expect(answers.uma).not.toBe(answers.admin);
  }
});

/** All machines are offered again. */
async function clean(): Promise<void> {
  for (const { name } of fakes) {
    await as("admin", "DELETE", `/machines/${name}?force=true`);
    const fake = fakes.find((one) => one.name === name) as FakeMachine;
    const { host, port, user, password } = fake;
    await as("admin", "POST", "/machines", { name, host, port, user, password });
  }
}
