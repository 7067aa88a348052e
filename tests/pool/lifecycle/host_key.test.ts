// The first host key seen is pinned at once, and a host that later answers with a different one gets no password.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../../config.ts";
import { build, type Deps } from "../../../deps.ts";
import { retry } from "../../../pool/lifecycle/retry.ts";
import { type FakeMachine, startFake } from "../../faults/tools/fake_ssh.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";

setDefaultTimeout(60_000);

let pool: TestPool;
let deps: Deps;
beforeAll(async () => {
  pool = await startPool(0);
  deps = build(readConfig(pool.settings));
});
afterAll(async () => {
  await deps.database.close();
  await pool.stop();
});

const row = async ({ name }: FakeMachine) =>
  (await pool.sql("SELECT fault, host_key AS hostKey FROM machines WHERE name = ?", [name]))[0];
const register = (fake: FakeMachine, more = {}) =>
  call(pool.api, "POST", "/machines", {
    name: fake.name,
    host: "127.0.0.1",
    port: fake.port,
    password: fake.password,
    ...more,
  });

for (const [fault, fail] of [
  ["auth", (fake: FakeMachine) => Object.assign(fake, { password: "another one by now" })],
  [
    "unsupported",
    (fake: FakeMachine) =>
      Object.assign(fake, { behaviour: { say: () => ({ text: "FAIL unsupported no flock\n", status: 1 }) } }),
  ],
  ["timeout", (fake: FakeMachine) => Object.assign(fake, { behaviour: { close: "output" } })],
] as const)
  test(`a first contact that fails (${fault}) pins the key; a different machine there gets nothing`, async () => {
    const fake = await startFake({ name: `fake-${fault}` });
    const { password } = fake;
    fail(fake);
    const key = fake.hostKey;
    expect((await register(fake, { password })).body.fault).toBe(fault);
    expect(await row(fake)).toEqual({ fault, hostKey: key });
    const learnt = await call(pool.api, "GET", `/events?action=machine.host_key_learnt&object=${fake.name}`);
    expect(learnt.body.events).toHaveLength(1);

    fake.behaviour = {};
    fake.password = password;
    fake.changeKey();
    fake.offers.length = 0;
    await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE name = ?", [fake.name]);
    await retry(deps);
    expect(await row(fake)).toEqual({ fault: "host_key", hostKey: key });
    expect(fake.offers.filter(({ secret }) => secret !== "")).toEqual([]);
    fake.stop();
  });
