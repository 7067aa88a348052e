// Seeing a host key before anything is sent to it, accepting a new one, and trying a machine again at once.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { fingerprint } from "../../../pool/accounts/connect.ts";
import { startFake } from "../../faults/tools/fake_ssh.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";

setDefaultTimeout(60_000);

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(1, { prefix: "key-" });
});
afterAll(async () => {
  await pool.stop();
});
const name = "key-1";
const patch = (body: unknown, query = "") => call(pool.api, "PATCH", `/machines/${name}${query}`, body);

test("a dry run says which host key a machine shows; it logs in to nothing, and registers nothing", async () => {
  const fake = await startFake({ name: "fake-shown" });
  const body = { name: fake.name, host: "127.0.0.1", port: fake.port, password: fake.password };
  const { status, body: shown } = await call(pool.api, "POST", "/machines?dry_run=true", body);
  expect(status).toBe(200);
  expect(shown).toEqual({
    host_key: fake.hostKey,
    host_key_fingerprint: fingerprint(fake.hostKey),
    fault: null,
    last_error: null,
  });
  expect(fake.offers).toEqual([]);
  expect((await call(pool.api, "GET", `/machines/${fake.name}`)).status).toBe(404);

  // Another machine that answers there by then gets no password.
  fake.changeKey();
  const made = await call(pool.api, "POST", "/machines", { ...body, host_key: shown.host_key });
  expect(made.body).toMatchObject({ state: "quarantined", fault: "host_key" });
  expect(fake.offers.filter(({ secret }) => secret !== "")).toEqual([]);
  await call(pool.api, "DELETE", `/machines/${fake.name}`);
  fake.stop();
  const late = await call(pool.api, "POST", "/machines?dry_run=true", body);
  expect([late.status, late.body.host_key, late.body.fault]).toEqual([200, null, "unreachable"]);
});

test("a dry run refuses what registering would refuse", async () => {
  const [machine] = pool.machines;
  const dry = (more: object) =>
    call(pool.api, "POST", "/machines?dry_run=true", {
      name: "other",
      host: "127.0.0.1",
      port: 9,
      password: "x",
      ...more,
    });
  expect((await dry({ name })).body.code).toBe("machine_exists");
  expect((await dry({ name: "KEY-1" })).body.code).toBe("machine_exists");
  expect((await dry({ port: machine?.port })).body.code).toBe("address_taken");
  expect((await dry({ host: "169.254.169.254" })).body.details[0].field).toBe("host");
  expect((await dry({ labels: { "fact.os": "x" } })).body.details[0].field).toBe("labels.fact.os");
  expect((await dry({ password: undefined })).body.details[0].field).toBe("password");
});

test("a new host key is shown beside the one we know, accepted, and the machine is offered in the same answer", async () => {
  const [machine] = pool.machines;
  const before = (await call(pool.api, "GET", `/machines/${name}`)).body.host_key_fingerprint;
  expect((await patch({ retry: true }, "?dry_run=true")).body.host_key_fingerprint).toBe(before);
  await machine?.exec(
    "cd /etc/ssh && rm -f ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key",
  );
  await pool.sql(
    "UPDATE machines SET state = 'quarantined', fault = 'host_key', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR",
  );
  expect((await patch({ retry: true })).body).toMatchObject({ state: "quarantined", fault: "host_key" });
  const shown = (await patch({ retry: true }, "?dry_run=true")).body;
  expect(shown.host_key_fingerprint).not.toBe(before);
  expect((await call(pool.api, "GET", `/machines/${name}`)).body.host_key_fingerprint).toBe(before);
  const { status, body } = await patch({ host_key: shown.host_key, retry: true });
  expect([status, body.state, body.host_key_fingerprint]).toEqual([
    200,
    "available",
    shown.host_key_fingerprint,
  ]);
});

test("a machine that isn't quarantined is left alone; one that another worker is on is tried after that", async () => {
  expect((await patch({ retry: true })).body.state).toBe("available");
  await pool.sql(
    `UPDATE machines SET state = 'quarantined', fault = 'failed', retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR,
     lease_worker = UUID(), lease_until = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND`,
  );
  expect((await patch({ retry: true })).body.state).toBe("available");
  expect((await call(pool.api, "PATCH", "/machines/none", { retry: true })).status).toBe(404);
  expect((await patch({ retry: false })).status).toBe(400);
});
