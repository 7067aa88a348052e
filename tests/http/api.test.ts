import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { canLogIn, ssh } from "../support/ssh.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(3);
});
afterAll(async () => {
  if (process.env.SHOW_LOG) console.log(pool.api.log());
  await pool.stop();
});
const get = (path: string) => call(pool.api, "GET", path);
const at = (name: string) => {
  const machine = pool.machines.find((one) => one.name === name);
  if (!machine) throw new Error(name);
  return machine;
};

test("healthz answers exactly, readyz checks the database", async () => {
  expect(await (await fetch(`${pool.api.url}/healthz`)).text()).toBe('{"status":"ok"}');
  expect((await get("/readyz")).status).toBe(200);
});

test("reserve: the account works on every machine when it answers; released, it is gone", async () => {
  const { status, body, headers } = await get(
    "/reserve?username=alice&password=se%3Acret%20%27%22%24x&count=2&duration=60",
  );
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(Object.keys(body).sort()).toEqual([
    "delay_reason",
    "duration_minutes",
    "ended_at",
    "ends_at",
    "id",
    "machines",
    "position",
    "reason",
    "reserved_until",
    "starts_at",
    "state",
    "uncertain",
    "user",
    "username",
    "wait_until",
    "wanted_by",
  ]);
  expect(body.machines).toHaveLength(2);
  expect(body.duration_minutes).toBe(60);
  expect(body.reserved_until).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  for (const { machine, port } of body.machines) {
    expect(port).toBe(at(machine).port);
    expect(
      await ssh({ port, username: "alice", password: "se:cret '\"$x" }, "id -un; pwd; stat -c %a ."),
    ).toBe("alice\n/home/alice\n700");
  }
  const seen = (await get("/available")).body;
  expect(seen.reserved).toEqual(body.machines.map((m: { machine: string }) => m.machine).sort());
  expect(seen.available).toHaveLength(1);

  const rows = (await get("/reservations")).body.reservations;
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ id: body.id, username: "alice", expiration_time: body.reserved_until });
  expect(rows[0].time_remaining).toMatch(/^(59\.\d|60\.0) minutes remaining$/);
  // One shape: a row is the same as the response and the detail, plus the list's original fields.
  expect((await get(`/reservations/${body.id}`)).body).toEqual(body);
  for (const [n, row] of rows.entries()) expect(row).toMatchObject({ ...body, ...body.machines[n] });
  const shown = (await get(`/machines/${body.machines[0].machine}`)).body;
  expect(shown).toMatchObject({
    state: "reserved",
    holder: { id: body.id, username: "alice" },
    reserved_until: body.reserved_until,
  });
  expect((await get(`/reservations/${body.id}`)).body).toMatchObject({
    state: "active",
    machines: body.machines,
  });

  const gone = await call(pool.api, "DELETE", `/reservations/${body.id}`);
  expect(gone.status).toBe(200);
  for (const { machine, port } of body.machines) {
    expect(await canLogIn({ port, username: "alice", password: "se:cret '\"$x" })).toBe(false);
    expect((await at(machine).exec("grep alice /etc/passwd /etc/shadow /etc/group; ls /home")).stdout).toBe(
      "",
    );
  }
  expect((await get("/available")).body.available).toHaveLength(3);
  expect((await call(pool.api, "DELETE", `/reservations/${body.id}`)).status).toBe(404);
  expect((await get(`/reservations/${body.id}`)).body.state).toBe("ended");
});

test("without a password, a strong one is generated and shown once", async () => {
  const { body } = await get("/reserve?username=bob");
  expect(body.password).toMatch(/^[\w-]{22}$/);
  expect(await canLogIn({ port: body.machines[0].port, username: "bob", password: body.password })).toBe(
    true,
  );
  expect(JSON.stringify((await get(`/reservations/${body.id}`)).body)).not.toContain(body.password);
  expect((await call(pool.api, "DELETE", `/reservations/${body.id}`)).status).toBe(200);
});

test("POST /reservations accepts keys, and the same Idempotency-Key returns the same reservation", async () => {
  const key = Bun.spawnSync([
    "sh",
    "-c",
    "d=$(mktemp -d) && ssh-keygen -q -t ed25519 -N '' -C me@home -f $d/k && cat $d/k.pub $d/k && rm -r $d",
  ]);
  const [publicKey, ...rest] = key.stdout.toString().split("\n");
  const input = { username: "carol", ssh_public_keys: [publicKey], duration: 5 };
  const once = () => call(pool.api, "POST", "/reservations", input, { "Idempotency-Key": "k-1" });
  const [first, second] = await Promise.all([once(), once()]);
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.body).toEqual(first.body);
  expect(first.body.password).toBeUndefined();
  const { port } = first.body.machines[0];
  expect(
    await ssh(
      { port, username: "carol", privateKey: rest.join("\n") },
      "id -un; grep -c expiry-time ~/.ssh/authorized_keys",
    ),
  ).toBe("carol\n1");
  const other = await call(
    pool.api,
    "POST",
    "/reservations",
    { ...input, duration: 6 },
    { "Idempotency-Key": "k-1" },
  );
  expect([other.status, other.body.code]).toEqual([409, "idempotency_key_reused"]);
  expect((await get("/release_all")).body).toEqual({
    message: "All machines released",
    released: 1,
    failed: [],
  });
  expect((await call(pool.api, "POST", "/release_all")).body).toEqual({ message: "No machines to release." });
});

test("repeating an Idempotency-Key whose reservation is over is a 409, with its actual end and no password", async () => {
  const once = () =>
    call(pool.api, "POST", "/reservations", { username: "olga" }, { "Idempotency-Key": "k-over" });
  const { id, password, reserved_until } = (await once()).body;
  expect(password).toBeString();
  for (const state of ["ending", "failed"]) {
    await pool.sql("UPDATE reservations SET state = ? WHERE id = ?", [state, id]);
    const { status, body } = await once();
    expect([status, body.code, body.password, body.machines]).toEqual([
      409,
      "reservation_over",
      undefined,
      undefined,
    ]);
    expect(body.details).toEqual([
      { field: "id", message: id },
      { field: "state", message: state },
    ]);
  }
  await pool.sql("UPDATE reservations SET state = 'active' WHERE id = ?", [id]);
  expect((await call(pool.api, "DELETE", `/reservations/${id}`)).status).toBe(200);
  const { status, body } = await once();
  expect([status, body.code, body.password]).toEqual([409, "reservation_over", undefined]);
  const [ended] = await pool.sql("SELECT ended_at FROM reservations WHERE id = ?", [id]);
  expect(body.details).toEqual([
    { field: "id", message: id },
    { field: "state", message: "ended" },
    { field: "ended_at", message: ended.ended_at.toISOString() },
  ]);
  expect(ended.ended_at < new Date(reserved_until)).toBe(true);
  expect(JSON.stringify(body)).not.toContain(password);
  expect((await get("/available")).body.available).toHaveLength(3);
});

test("too few machines: it says so, and nothing changes", async () => {
  const { status, body } = await get("/reserve?username=dave&count=4");
  expect([status, body.code]).toEqual([409, "never_enough"]);
  expect(body.error).toBe("Only 3 machines available, and the pool has no more than 3 that match");
  expect(body.details[0].field).toBe("count");
  expect((await get("/available")).body.available).toHaveLength(3);
});

test("a foreign account is reported and not touched", async () => {
  for (const machine of pool.machines) await machine.exec("useradd -m -u 1500 eve; echo hers >/home/eve/f");
  const { status, body } = await get("/reserve?username=eve");
  expect([status, body.code]).toEqual([409, "username_taken"]);
  expect((await get("/available")).body.available).toHaveLength(3);
  for (const machine of pool.machines)
    expect((await machine.exec("cat /home/eve/f; id -u eve")).stdout).toBe("hers\n1500\n");
  const daemon = await get("/reserve?username=daemon");
  expect([daemon.status, daemon.body.details[0].field]).toEqual([400, "username"]);
});

test("one machine under two spellings of its address, at the same moment, is registered once", async () => {
  const [machine] = pool.machines;
  if (!machine) throw new Error("no machine");
  await call(pool.api, "DELETE", `/machines/${machine.name}`);
  const input = { port: machine.port, user: machine.user, password: machine.password };
  const both = await Promise.all(
    [
      ["here-1", "localhost"],
      ["here-2", "127.1"],
      ["here-3", "0x7f.1"],
    ].map(([name, host]) => call(pool.api, "POST", "/machines", { ...input, name, host })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  expect(both.find(({ status }) => status === 409)?.body.code).toBe("address_taken");
  await call(pool.api, "DELETE", `/machines/${both.find(({ status }) => status === 201)?.body.name}`);
  expect((await pool.register(machine)).body.state).toBe("available");
});

test("machines: shown without secrets, removed, registered again; names and addresses are unique", async () => {
  const all = (await get("/machines")).body.machines;
  expect(all.map((m: { name: string }) => m.name)).toEqual(["m-1", "m-2", "m-3"]);
  expect(JSON.stringify(all)).not.toContain(at("m-1").password);
  expect(all[0].host_key_fingerprint).toMatch(/^SHA256:[\w+/]{43}$/);
  expect((await pool.register(at("m-1"))).body.code).toBe("machine_exists");
  const alias = await pool.register(at("m-1"), { name: "alias", host: "LOCALHOST" });
  expect([alias.status, alias.body.code]).toEqual([409, "address_taken"]);
  expect(alias.body.error).toContain("'m-1'");

  const { body } = await get("/reserve?username=frank&count=3");
  expect((await call(pool.api, "DELETE", "/machines/m-1")).body.code).toBe("machine_held");
  const forced = await call(pool.api, "DELETE", "/machines/m-1?force=true");
  expect([forced.status, forced.body.clean]).toEqual([200, true]);
  expect((await at("m-1").exec("grep frank /etc/passwd")).stdout).toBe("");
  expect((await get(`/reservations/${body.id}`)).body.machines).toHaveLength(2);
  expect((await pool.register(at("m-1"))).body.state).toBe("available");
  expect((await get("/release_all")).body.released).toBe(2);
  expect((await call(pool.api, "DELETE", "/machines/m-1")).status).toBe(200);
  expect((await call(pool.api, "DELETE", "/machines/m-1")).status).toBe(404);
  expect((await get("/machines/m-1")).status).toBe(404);
  const unchecked = await call(pool.api, "POST", "/machines?check=false", {
    ...at("m-1"),
    root: undefined,
    pid: undefined,
  });
  expect([unchecked.status, unchecked.body.state, unchecked.body.host_key_fingerprint]).toEqual([
    201,
    "quarantined",
    null,
  ]);
  expect((await call(pool.api, "DELETE", "/machines/m-1")).status).toBe(200);
  expect((await pool.register(at("m-1"))).status).toBe(201);
});

test("a drained machine is not offered; its new host key can be accepted", async () => {
  const patch = (body: unknown) => call(pool.api, "PATCH", "/machines/m-1", body);
  expect((await patch({ drained: true, labels: { os: "debian" } })).body).toMatchObject({
    drained: true,
    labels: { os: "debian" },
  });
  expect((await get("/available")).body).toMatchObject({
    available: ["m-2", "m-3"],
    reserved: [],
    unavailable: ["m-1"],
  });
  expect((await get("/reserve?username=dora&count=3")).body.code).toBe("never_enough");
  const { host_key_fingerprint: before } = (await patch({ drained: false })).body;
  const key = (
    await at("m-2").exec("ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key | cut -d' ' -f1,2")
  ).stdout.trim();
  const changed = (await patch({ host_key: key })).body.host_key_fingerprint;
  expect(changed).toMatch(/^SHA256:/);
  expect(changed).not.toBe(before);
  // Now a wrong one: no password is sent to m-1, and another machine takes its place.
  const { body } = await get("/reserve?username=dora&count=2");
  expect(body.machines.map((m: { machine: string }) => m.machine).sort()).toEqual(["m-2", "m-3"]);
  await call(pool.api, "DELETE", `/reservations/${body.id}`);
  for (const bad of [{}, { drained: "perhaps" }, { host_key: "x" }, { name: "y" }, [], "{"])
    expect((await patch(bad)).status).toBe(400);
  expect((await call(pool.api, "PATCH", "/machines/none", { drained: true })).status).toBe(404);
  await call(pool.api, "DELETE", "/machines/m-1?force=true");
  expect((await pool.register(at("m-1"))).body.state).toBe("available");
});

test("one machine under another address is noticed, and its user is left alone", async () => {
  const { body } = await get("/reserve?username=gil&password=pw&count=3");
  const { port } = at("m-1");
  // Like a second DNS name or a forwarded port: another address for the same machine.
  const forward = Bun.listen<{ to: import("bun").Socket | null; early: Buffer[] }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      async open(from) {
        from.data = { to: null, early: [] };
        from.data.to = await Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: { data: (_, part) => void from.write(part), close: () => void from.end() },
        });
        for (const part of from.data.early) from.data.to.write(part);
      },
      data: (from, part) => void (from.data.to ? from.data.to.write(part) : from.data.early.push(part)),
      close: (from) => void from.data.to?.end(),
    },
  });
  const alias = await pool.register(at("m-1"), { name: "alias", port: forward.port });
  expect([alias.status, alias.body.code]).toEqual([409, "address_taken"]);
  expect(alias.body.error).toContain("'m-1'");
  expect((await get("/machines/alias")).status).toBe(404);
  expect((await at("m-1").exec("grep -c ^gil: /etc/passwd; ls -d /home/gil")).stdout).toBe("1\n/home/gil\n");
  forward.stop(true);
  expect((await call(pool.api, "DELETE", `/reservations/${body.id}`)).status).toBe(200);
});

test("a machine that can't be reached is registered, quarantined, with the reason", async () => {
  const { status, body } = await call(pool.api, "POST", "/machines", {
    name: "dead",
    host: "127.0.0.1",
    port: 9,
    password: "x",
  });
  expect([status, body.state, body.fault, body.user]).toEqual([201, "quarantined", "unreachable", "root"]);
  expect(body.last_error).toContain("connect");
  const wrong = await pool.register(at("m-1"), { name: "wrong", host: "localhost", port: at("m-1").port });
  expect(wrong.status).toBe(409);
  expect((await call(pool.api, "DELETE", "/machines/dead")).status).toBe(200);
});

test("a machine that fails during preparation is swapped; with none left, everything is released", async () => {
  await at("m-2").stop();
  for (let n = 0; n < 2; n++) {
    const { status, body } = await get("/reserve?username=grace&count=2");
    expect(status).toBe(200);
    expect(body.machines.map((m: { machine: string }) => m.machine).sort()).toEqual(["m-1", "m-3"]);
    expect((await call(pool.api, "DELETE", `/reservations/${body.id}`)).status).toBeOneOf([200, 202]);
    await pool.sql(
      "UPDATE machines SET state='available', reservation_id=NULL, lease_until=NULL WHERE name='m-2'",
    );
    await pool.sql("UPDATE holds SET released_at=UTC_TIMESTAMP(3) WHERE released_at IS NULL");
  }
  const none = await get("/reserve?username=grace&count=3");
  expect([none.status, none.body.code]).toEqual([503, "machines_unreachable"]);
  const seen = (await get("/available")).body;
  expect(seen).toMatchObject({ available: ["m-1", "m-3"], reserved: [], unavailable: ["m-2"] });
});
