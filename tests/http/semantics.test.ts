// What a client's author expects from HTTP: methods, media types, errors as in RFC 9457. In process.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { app } from "../../app.ts";
import type { Deps } from "../../deps.ts";
import { inProcess } from "../support/in_process.ts";
import { type StubPool, startStubPool } from "../support/stub_pool.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

let pool: StubPool;
beforeAll(async () => {
  pool = await startStubPool(2);
});
afterAll(() => pool?.stop());

const ask = (method: string, path: string, headers = {}, body?: unknown, deps = pool.deps) =>
  inProcess(app, deps)(method, path, body, headers);

test("an unsupported method on an existing path is a 405 that lists the supported ones; so does OPTIONS", async () => {
  const addresses: [path: string, allow: string][] = [
    ["/available", "GET, HEAD, OPTIONS"],
    ["/available/", "GET, HEAD, OPTIONS"],
    ["/machines", "GET, HEAD, OPTIONS, POST"],
    ["/machines/stub-1", "DELETE, GET, HEAD, OPTIONS, PATCH"],
    ["/reservations/some-id", "DELETE, GET, HEAD, OPTIONS"],
    ["/tokens/some-id", "DELETE, OPTIONS"],
    ["/stream", "GET, HEAD, OPTIONS"],
    ["/usage", "GET, HEAD, OPTIONS"],
    ["/session", "DELETE, GET, HEAD, OPTIONS, POST"],
    // A link checker must not change anything.
    ["/reserve", "GET, OPTIONS"],
    ["/release_all", "GET, OPTIONS, POST"],
  ];
  const before = await pool.sql("SELECT state, generation FROM machines");
  for (const [path, allow] of addresses) {
    for (const method of ["PUT", "PROPFIND"]) {
      const { status, headers, body } = await ask(method, path);
      expect([path, status, body.code, headers.get("allow")]).toEqual([
        path,
        405,
        "method_not_allowed",
        allow,
      ]);
    }
    const options = await ask("OPTIONS", path);
    expect([path, options.status, options.body, options.headers.get("allow")]).toEqual([
      path,
      204,
      undefined,
      allow,
    ]);
  }
  for (const path of ["/reserve?username=ann", "/release_all"]) {
    const { status, headers } = await ask("HEAD", path);
    expect([path, status, headers.get("allow")?.split(", ").includes("HEAD")]).toEqual([path, 405, false]);
  }
  expect((await ask("HEAD", "/available")).status).toBe(200);
  for (const method of ["GET", "PUT", "OPTIONS"])
    for (const path of ["/nothing", "/machines/a/b", "/machines//", "/healthz/x"])
      expect([path, (await ask(method, path)).body.code]).toEqual([path, "not_found"]);
  expect(await pool.sql("SELECT state, generation FROM machines")).toEqual(before);
});

test("a body that is not JSON is a 415 everywhere", async () => {
  const takes: [method: string, path: string][] = [
    ["POST", "/reservations"],
    ["POST", "/machines"],
    ["PATCH", "/machines/stub-1"],
    ["POST", "/users"],
    ["POST", "/tokens"],
    ["POST", "/session"],
  ];
  const none: [method: string, path: string][] = [
    ["POST", "/release_all"],
    ["DELETE", "/machines/stub-1"],
    ["DELETE", "/reservations/some-id"],
    ["DELETE", "/users/ann"],
    ["DELETE", "/tokens/some-id"],
  ];
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
  ];
  for (const [method, path] of [...takes, ...none])
    for (const type of types) {
      const { status, body } = await ask(method, path, { "Content-Type": type }, "a=b");
      expect([method, path, type, status, body.code]).toEqual([
        method,
        path,
        type,
        415,
        "unsupported_media_type",
      ]);
    }
  // curl -d '' sends an empty form.
  const form = { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": "0" };
  expect((await ask("POST", "/release_all", form)).status).toBe(200);
  expect((await ask("GET", "/available", form)).status).toBe(200);
  // Sent in chunks, an empty body has no length.
  for (const type of ["text/plain", "application/json"]) {
    expect((await ask("POST", "/release_all", { "Content-Type": type }, "")).status).toBe(200);
    expect((await ask("POST", "/users", { "Content-Type": type }, "")).body.error).toBe("name: is required");
  }
});

test("a repeated query parameter is a 400 that names it", async () => {
  for (const [query, field] of [
    ["username=a&username=b", "username"],
    ["username=a&count=1&count=1", "count"],
    ["username=a&%63ount=1&count=2", "count"],
    ["username=a&x=1?&x=2", "x"],
  ] as const) {
    const { status, body } = await ask("GET", `/reserve?${query}`);
    expect([query, status, body.code, body.details]).toEqual([
      query,
      400,
      "invalid_request",
      [{ field, message: "is given more than once" }],
    ]);
  }
  expect((await ask("GET", "/machines?limit=1&limit=1")).status).toBe(400);
  expect((await ask("GET", "/machines?&limit=1&")).status).toBe(200);
});

test("a number is only digits, in a URL and in quotes", async () => {
  for (const number of [
    "0x1",
    "1e0",
    "%2B1",
    "+1",
    "%201",
    "1%20",
    "1.0",
    "0b1",
    "0o1",
    "1_0",
    "Infinity",
    "٣",
    "1%0A",
  ]) {
    const { status, body } = await ask("GET", `/reserve?username=a&count=${number}`);
    expect([number, status, body.details?.[0].field]).toEqual([number, 400, "count"]);
  }
  for (const count of ["0x1", "1e0", "+1", " 1"]) {
    const { status, body } = await ask("POST", "/reservations", {}, { username: "a", count });
    expect([count, status, body.details?.[0].field]).toEqual([count, 400, "count"]);
  }
  expect((await ask("GET", "/events?limit=2")).body.events).toHaveLength(2);
});

test("an error has the form of RFC 9457 if the client asks for that, and otherwise our own", async () => {
  const asked = (accept: string) => ask("GET", "/reserve?username=a&count=9", { Accept: accept });
  const details = [{ field: "count", message: "9 requested, 2 match" }];
  for (const accept of [
    "application/problem+json",
    "application/json, application/problem+json",
    "text/html;q=0.5, Application/Problem+JSON; q=0.9",
    "application/json;q=0.5, application/problem+json;q=0.5, */*;q=0.9",
  ]) {
    const { status, headers, body } = await asked(accept);
    expect([status, headers.get("content-type")]).toEqual([409, "application/problem+json; charset=utf-8"]);
    expect(headers.get("vary")).toBe("Accept");
    expect(body).toEqual({
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "Only 2 machines available, and the pool has no more than 2 that match",
      code: "never_enough",
      errors: details,
    });
  }
  for (const accept of [
    "*/*",
    "application/json",
    "application/problem+json;q=0",
    "application/problem+json;q=0.5, application/json;q=0.9",
    "application/json, application/problem+json; q=0.1",
    "application/problem+xml",
  ]) {
    const { headers, body } = await asked(accept);
    expect(headers.get("content-type")).toStartWith("application/json");
    expect(body).toEqual({
      error: "Only 2 machines available, and the pool has no more than 2 that match",
      code: "never_enough",
      details,
    });
  }
  const problem = { Accept: "application/problem+json" };
  expect((await ask("PUT", "/machines", problem)).body).toMatchObject({
    title: "Method Not Allowed",
    status: 405,
  });
  expect((await ask("GET", "/nothing", problem)).body).toMatchObject({
    title: "Not Found",
    code: "not_found",
  });
  const good = await ask("GET", "/available", problem);
  expect([good.status, good.headers.get("content-type")]).toEqual([200, "application/json;charset=utf-8"]);
});

test("a token's scheme may be written in any case", async () => {
  const token = "an-admin-token-of-this-test";
  const closed = { ...pool.deps, adminToken: token };
  for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
    const ok = await ask("GET", "/available", { Authorization: `${scheme} ${token}` }, undefined, closed);
    expect([scheme, ok.status]).toEqual([scheme, 200]);
    const bad = await ask("GET", "/available", { Authorization: `${scheme} x${token}` }, undefined, closed);
    expect([bad.status, bad.body.error, bad.headers.get("www-authenticate")]).toEqual([
      401,
      "Invalid or expired token",
      "Bearer",
    ]);
  }
  // Those who aren't allowed don't learn what exists.
  expect((await ask("PUT", "/machines", {}, undefined, closed)).status).toBe(401);
  expect((await ask("OPTIONS", "/machines", {}, undefined, closed)).status).toBe(401);
});

test("five simultaneous releases of one reservation all answer truthfully", async () => {
  const { id } = await pool.reserve("five", 2);
  let open = () => {};
  const gate = new Promise<void>((go) => {
    open = go;
  });
  let cleaning = 0;
  const accounts: Deps["accounts"] = {
    ...pool.deps.accounts,
    clean: async (...all) => {
      cleaning++;
      await gate;
      return pool.deps.accounts.clean(...all);
    },
  };
  // Two API processes: the second doesn't know what the first is doing.
  const [one, other] = [crypto.randomUUID(), crypto.randomUUID()].map((worker) => ({
    ...pool.deps,
    accounts,
    worker,
  }));
  const first = ask("DELETE", `/reservations/${id}`, {}, undefined, one);
  await until("the first release is at work", 10_000, () => cleaning === 2);
  const others = await Promise.all(
    [one, one, other, other].map((deps) => ask("DELETE", `/reservations/${id}`, {}, undefined, deps)),
  );
  for (const { status, body } of others) {
    expect([status, body.message, body.released, body.pending.sort()]).toEqual([
      202,
      "Release in progress; the machines are being cleaned",
      [],
      ["stub-1", "stub-2"],
    ]);
  }
  expect(cleaning).toBe(2);
  open();
  expect(await first).toMatchObject({ status: 200, body: { message: "Reservation released", pending: [] } });
  const late = await ask("DELETE", `/reservations/${id}`);
  expect([late.status, late.body.code]).toEqual([404, "reservation_not_found"]);
});
