import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(1, { settings: { MAX_DURATION_MINUTES: "100" } });
});
afterAll(() => pool.stop());

const state = async () =>
  JSON.stringify([
    await pool.sql("SELECT name, state, reservation_id, generation FROM machines"),
    await pool.sql("SELECT id, state FROM reservations"),
  ]);

const MACHINE = { name: "x", host: "h", password: "p" };
/** method, path, body, status, the field that the response must name ("": none) */
const BAD: [string, string, unknown, number, string][] = [
  ["GET", "/reserve", undefined, 400, "username"],
  ["GET", "/reserve?username=", undefined, 400, "username"],
  ["GET", "/reserve?username=root", undefined, 400, "username"],
  ["GET", "/reserve?username=admin", undefined, 400, "username"],
  ["GET", "/reserve?username=wheel", undefined, 400, "username"],
  ["GET", "/reserve?username=lxd", undefined, 400, "username"],
  ["POST", "/reservations", { username: "systemd-timesync" }, 400, "username"],
  ["GET", "/reserve?username=Bob", undefined, 400, "username"],
  ["GET", "/reserve?username=a%0Ab", undefined, 400, "username"],
  ["GET", "/reserve?username=a%00", undefined, 400, "username"],
  ["GET", "/reserve?username=-rf", undefined, 400, "username"],
  ["GET", "/reserve?username=a;reboot", undefined, 400, "username"],
  [`GET`, `/reserve?username=${"a".repeat(33)}`, undefined, 400, "username"],
  ["GET", "/reserve?username=a&count=0", undefined, 400, "count"],
  ["GET", "/reserve?username=a&count=-1", undefined, 400, "count"],
  ["GET", "/reserve?username=a&count=1.5", undefined, 400, "count"],
  ["GET", "/reserve?username=a&count=x", undefined, 400, "count"],
  ["GET", "/reserve?username=a&count=", undefined, 400, "count"],
  ["GET", "/reserve?username=a&count=2", undefined, 409, "count"],
  ["GET", "/reserve?username=a&count=99999999999999999999", undefined, 400, "count"],
  ["GET", "/reserve?username=a&duration=0", undefined, 400, "duration"],
  ["GET", "/reserve?username=a&duration=-5", undefined, 400, "duration"],
  ["GET", "/reserve?username=a&duration=101", undefined, 400, "duration"],
  ["GET", "/reserve?username=a&duration=1000000000", undefined, 400, "duration"],
  ["GET", "/reserve?username=a&duration=NaN", undefined, 400, "duration"],
  ["GET", "/reserve?username=a&password=a%0Ab", undefined, 400, "password"],
  ["GET", "/reserve?username=a&password=", undefined, 400, "password"],
  ["GET", `/reserve?username=a&password=${"p".repeat(129)}`, undefined, 400, "password"],
  ["GET", "/reserve?username=a&wat=1", undefined, 400, "wat"],
  ["POST", "/reservations", "{", 400, ""],
  ["POST", "/reservations", "", 400, ""],
  ["POST", "/reservations", "null", 400, ""],
  ["POST", "/reservations", "[]", 400, ""],
  ["POST", "/reservations", `{"username":"a","password":"${"x".repeat(70_000)}"}`, 413, ""],
  ["POST", "/reservations", { username: "a", wat: 1 }, 400, "wat"],
  ["POST", "/reservations", { username: "a", count: 0 }, 400, "count"],
  ["POST", "/reservations", { username: "a", duration: "soon" }, 400, "duration"],
  ["POST", "/reservations", { username: 5 }, 400, "username"],
  ["POST", "/reservations", { username: "a", ssh_public_keys: [] }, 400, "ssh_public_keys"],
  [
    "POST",
    "/reservations",
    { username: "a", ssh_public_keys: ["ssh-rsa AAAA\nssh-rsa BBBB"] },
    400,
    "ssh_public_keys.0",
  ],
  [
    "POST",
    "/reservations",
    { username: "a", ssh_public_keys: ['command="x" ssh-ed25519 AAAA'] },
    400,
    "ssh_public_keys.0",
  ],
  [
    "POST",
    "/reservations",
    { username: "a", password: "p", ssh_public_keys: [`ssh-ed25519 ${"A".repeat(68)}`] },
    400,
    "ssh_public_keys",
  ],
  ["POST", "/reservations", '{"username":"a","password":"\\ud800"}', 400, "password"],
  ["POST", "/reservations", '{"username":"a","ssh_public_keys":["\\udfff"]}', 400, "ssh_public_keys"],
  ["POST", "/users", '{"name":"a","password":"twelve letters \\ud83d"}', 400, "password"],
  ["POST", "/machines", '{"name":"x","host":"h","password":"p","labels":{"\\ud800":"x"}}', 400, "labels"],
  ["GET", "/reserve?username=a&password=%ED%A0%80", undefined, 400, ""],
  ["GET", "/reserve?username=a&password=%", undefined, 400, ""],
  ["DELETE", "/machines/%ff", undefined, 400, ""],
  ["POST", "/machines", {}, 400, "name"],
  ["POST", "/machines", { ...MACHINE, name: "../x" }, 400, "name"],
  ["POST", "/machines", { ...MACHINE, host: "a b" }, 400, "host"],
  ["POST", "/machines", { ...MACHINE, host: "-oProxyCommand=x" }, 400, "host"],
  ["POST", "/machines", { ...MACHINE, port: 0 }, 400, "port"],
  ["POST", "/machines", { ...MACHINE, port: 65_536 }, 400, "port"],
  ["POST", "/machines", { ...MACHINE, user: "a b" }, 400, "user"],
  ["POST", "/machines", { ...MACHINE, password: undefined }, 400, "password"],
  ["POST", "/machines", { ...MACHINE, private_key: "k" }, 400, "private_key"],
  ["POST", "/machines", { ...MACHINE, pool_key: true }, 400, "password"],
  ["POST", "/machines", { ...MACHINE, pool_key: false }, 400, "pool_key"],
  ["POST", "/machines", { ...MACHINE, labels: { "": "x" } }, 400, "labels."],
  ["POST", "/machines", { ...MACHINE, host_key: "ssh-rsa" }, 400, "host_key"],
  ["POST", "/machines", { ...MACHINE, wat: 1 }, 400, "wat"],
  ["POST", "/machines?check=maybe", MACHINE, 400, "check"],
  ["DELETE", "/machines/m-1?force=2", undefined, 400, "force"],
  ["DELETE", "/machines/nope", undefined, 404, ""],
  ["DELETE", "/reservations/nope", undefined, 404, ""],
  ["GET", "/reservations/nope", undefined, 404, ""],
  ["GET", "/wp-admin", undefined, 404, ""],
  ["PUT", "/machines", {}, 405, ""],
];

test("bad input gets a 4xx that names the field, and changes nothing", async () => {
  const before = await state();
  for (const [method, path, body, status, field] of BAD) {
    const { status: got, body: answer, headers } = await call(pool.api, method, path, body);
    const what = `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)} → ${JSON.stringify(answer)}`;
    expect(`${got} ${what}`).toBe(`${status} ${what}`);
    expect(headers.get("content-type")).toContain("application/json");
    expect(answer.error, what).toBeString();
    expect(answer.code, what).toMatch(/^[a-z_]+$/);
    if (field) expect(answer.details.map((d: { field: string }) => d.field).join(" "), what).toContain(field);
  }
  expect(await state()).toBe(before);
});

test("a body that is not JSON by its content type is refused", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
    const answer = await call(pool.api, "POST", "/reservations", '{"username":"a"}', {
      "Content-Type": type,
    });
    expect([answer.status, answer.body.code]).toEqual([415, "unsupported_media_type"]);
  }
});

test("names and ids match byte by byte: a blank or another case doesn't match", async () => {
  await call(pool.api, "POST", "/users", { name: "Nan" });
  const { body: token } = await call(pool.api, "POST", "/tokens", { user: "Nan", name: "t" });
  const { body: held } = await call(pool.api, "POST", "/reservations", { username: "nan" });
  const [machine] = held.machines;
  for (const [method, path] of [
    ["GET", `/machines/${machine.machine}`],
    ["DELETE", `/machines/${machine.machine}`],
    ["PATCH", "/users/Nan"],
    ["DELETE", "/users/Nan"],
    ["DELETE", `/tokens/${token.id}`],
    ["GET", `/reservations/${held.id}`],
    ["DELETE", `/reservations/${held.id}`],
  ] as const)
    for (const other of [
      `${path}%20`,
      `${path}%C2%A0`,
      path.replace(/[a-zA-Z](?=[^a-zA-Z]*$)/, (c) => (c < "a" ? c.toLowerCase() : c.toUpperCase())),
    ]) {
      const body = method === "PATCH" ? { role: "admin" } : undefined;
      const { status } = await call(pool.api, method, other, body);
      if (other !== path) expect(`${method} ${other} ${status}`).toBe(`${method} ${other} 404`);
    }
  // Nor may two names differ only in that, which people would not notice.
  expect((await call(pool.api, "POST", "/users", { name: "nan" })).body.code).toBe("user_exists");
  const twin = { ...MACHINE, name: machine.machine.toUpperCase() };
  expect((await call(pool.api, "POST", "/machines?check=false", twin)).body.code).toBe("machine_exists");
  await call(pool.api, "DELETE", `/reservations/${held.id}`);
  expect((await call(pool.api, "DELETE", "/users/Nan")).status).toBe(200);
});

test("a response with a password or a token is not cached", async () => {
  const { status, headers, body } = await call(pool.api, "POST", "/reservations", { username: "kept" });
  expect([status, headers.get("cache-control")]).toEqual([201, "no-store"]);
  expect(body.password).toBeString();
  await call(pool.api, "DELETE", `/reservations/${body.id}`);
  await call(pool.api, "POST", "/users", { name: "kim" });
  const token = await call(pool.api, "POST", "/tokens", { user: "kim", name: "t" });
  expect([token.status, token.headers.get("cache-control")]).toEqual([201, "no-store"]);
  await call(pool.api, "DELETE", "/users/kim");
});

test("a response never repeats what was sent", async () => {
  const { body } = await call(pool.api, "POST", "/machines", {
    ...MACHINE,
    port: "x",
    password: "TopSecret1",
  });
  expect(JSON.stringify(body)).not.toContain("TopSecret1");
  const query = await call(pool.api, "GET", "/reserve?username=BAD&password=TopSecret1");
  expect(JSON.stringify(query.body)).not.toContain("TopSecret1");
  expect(pool.api.log()).not.toContain("TopSecret1");
});
