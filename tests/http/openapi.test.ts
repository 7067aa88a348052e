// The description of the API: valid, complete, and promising nothing that the routes don't.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { STATUS_CODES } from "node:http";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { app } from "../../app.ts";
import { STATUS_OF } from "../../http/codes.ts";
import program from "../../package.json";
import { call, newSettings, type Program, startProgram } from "../support/program.ts";

setDefaultTimeout(120_000);

interface Schema {
  anyOf?: Schema[];
  $ref?: string;
  enum?: string[];
  default?: unknown;
  type?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  example?: unknown;
}
interface Operation {
  summary?: string;
  security?: unknown[];
  parameters?: { name: string; in: string; description?: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  operationId: string;
  responses: Record<
    string,
    { $ref?: string; description: string; content: Record<string, { schema: Schema }> }
  >;
}

const TOKEN = "a-token-of-this-test";
let api: Program;
let document: {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, unknown> };
};
let operations: { name: string; path: string; operation: Operation }[];

const description = () => call(api, "GET", "/swagger/json", undefined, { Authorization: `Bearer ${TOKEN}` });
beforeAll(async () => {
  api = await startProgram(await newSettings({ ADMIN_TOKEN: TOKEN }));
  document = (await description()).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
});
afterAll(() => api?.stop());

test("it is a valid OpenAPI 3.0.3 document, the second time too", async () => {
  expect(document.openapi).toBe("3.0.3");
  expect(document.info.version).toBe(program.version);
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors ?? []).toEqual([]);
  expect((await description()).body).toEqual(document as object);
});

test("every route is in it, and nothing else", () => {
  const routes = app.routes
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
    .filter((route) => !/ \/(swagger|login|ui\/|$)/.test(route));
  expect(operations.map(({ name }) => name).sort()).toEqual(routes.sort());
  expect(routes.length).toBeGreaterThan(10);
});

/** These return a file for another program, or messages. */
const TEXTS: Record<string, string> = {
  getKnownHosts: "text/plain",
  getSshConfig: "text/plain",
  followEvents: "text/event-stream",
};

test("every operation says what it does, accepts and returns, in JSON", () => {
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toBeTruthy();
    expect(Object.keys(operation.responses), name).toContainAnyValues(["200", "201"]);
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) >= 400) {
        const name = /^#\/components\/responses\/(\w+)$/.exec(response.$ref ?? "")?.[1] ?? "";
        const codes = Object.entries(STATUS_OF).flatMap(([code, one]) => (`${one}` === status ? [code] : []));
        expect(codes.length, status).toBeGreaterThan(0);
        const problem = (name: string) => ({
          schema: { $ref: `#/components/schemas/${name}` },
          example: expect.objectContaining({ code: codes.sort()[0] }),
        });
        expect(document.components.responses[name], `${name} ${status}`).toEqual({
          description: `${STATUS_CODES[status]}: ${codes.sort().join(", ")}`,
          content: {
            "application/json": problem("Problem"),
            "application/problem+json": problem("ProblemDetails"),
          },
        });
        continue;
      }
      expect(response.description, `${name} ${status}`).toBeTruthy();
      const text = TEXTS[operation.operationId];
      if (text) {
        expect(response.content, `${name} ${status}`).toEqual({
          [text]: { schema: expect.objectContaining({ type: "string" }) },
        });
        continue;
      }
      const { schema } = response.content["application/json"] ?? {};
      expect(Object.keys(response.content), `${name} ${status}`).toEqual(["application/json"]);
      // What a dry run says is another object.
      expect(schema?.$ref ?? schema?.type ?? schema?.anyOf?.[0]?.$ref, `${name} ${status}`).toMatch(
        /^(object|#\/components\/schemas\/\w+)$/,
      );
    }
    for (const one of operation.parameters ?? []) {
      expect(one.schema.type, `${name} ${one.name}`).toMatch(/^(string|integer|boolean)$/);
      expect(one.description, `${name} ${one.name}`).toBeTruthy();
    }
    const body = operation.requestBody?.content;
    if (body)
      expect(body, name).toEqual({
        "application/json": { schema: expect.objectContaining({ type: "object" }) },
      });
  }
});

test("every operation declares the errors that it can return", () => {
  for (const { name, path, operation } of operations) {
    const expected = new Set(["400"]);
    if (path !== "/healthz") expected.add("503");
    if (!["/healthz", "/readyz"].includes(path))
      for (const status of ["401", "403", "429"]) expected.add(status);
    if (path.includes("{")) expected.add("404");
    if (!name.startsWith("GET ")) for (const status of ["413", "415"]) expected.add(status);
    if (name.startsWith("POST ") && operation.requestBody && !["/session", "/tokens"].includes(path))
      expected.add("409");
    expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining([...expected]));
  }
});

test("its models, operations and every code have names", () => {
  const { schemas } = document.components;
  expect(Object.keys(schemas)).toEqual([
    "ChangedMachine",
    "EndForecast",
    "Event",
    "Forecast",
    "Machine",
    "MachineCalendar",
    "NewReservation",
    "NewToken",
    "Place",
    "Problem",
    "ProblemDetails",
    "Proof",
    "QueueRow",
    "RegisteredMachine",
    "Reservation",
    "ReservationRow",
    "Series",
    "SeriesForecast",
    "SeriesWithOccurrences",
    "Session",
    "ShownHostKey",
    "Token",
    "UsageFailures",
    "UsageLine",
    "UsageTotal",
    "User",
  ]);
  const codes = Object.keys(STATUS_OF).sort();
  for (const name of ["Problem", "ProblemDetails"])
    expect(schemas[name]?.properties?.code?.enum).toEqual(codes);
  expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual([
    "changeMachine",
    "changeUser",
    "createReservation",
    "createSeries",
    "createToken",
    "createUser",
    "deleteUser",
    "endSeries",
    "extendReservation",
    "followEvents",
    "getCalendar",
    "getHealth",
    "getKnownHosts",
    "getMachine",
    "getProof",
    "getPublicKey",
    "getReadiness",
    "getReservation",
    "getSeries",
    "getSession",
    "getSshConfig",
    "getUsage",
    "listAvailable",
    "listEvents",
    "listMachines",
    "listQueue",
    "listReservations",
    "listSeries",
    "listTokens",
    "listUsers",
    "logIn",
    "logOut",
    "postReleaseAll",
    "registerMachine",
    "releaseAll",
    "releaseMachines",
    "releaseReservation",
    "removeMachine",
    "reserve",
    "revokeToken",
  ]);
});

test("defaults of omitted fields are shown", () => {
  const defaults = (name: string) => {
    const { operation } = operations.find(({ operation }) => operation.operationId === name) ?? {};
    const body = operation?.requestBody?.content["application/json"]?.schema.properties ?? {};
    const query = (operation?.parameters ?? []).map((one) => [one.name, one.schema] as const);
    const all = [...query, ...Object.entries(body)].filter(([, schema]) => schema.default !== undefined);
    return Object.fromEntries(all.map(([field, schema]) => [field, schema.default]));
  };
  expect(defaults("reserve")).toEqual({ count: 1, duration: 60, wait: 0 });
  expect(defaults("createReservation")).toEqual({
    duration: 60,
    wait: 0,
    priority: 0,
    replace: false,
    dry_run: false,
  });
  expect(defaults("createSeries")).toEqual({ duration: 60, on_conflict: "refuse", dry_run: false });
  expect(defaults("registerMachine")).toEqual({ check: true, dry_run: false, port: 22, user: "root" });
  expect(defaults("removeMachine")).toEqual({ force: false });
  expect(defaults("createUser")).toEqual({ role: "user" });
  for (const name of ["listAvailable", "listMachines", "listReservations"])
    expect(defaults(name)).toEqual({ limit: 1000 });
  for (const name of ["listUsers", "listTokens", "listEvents", "listSeries"])
    expect(defaults(name)).toEqual({ limit: 100 });
  // Changing some fields leaves the others alone.
  expect(defaults("changeMachine")).toEqual({ dry_run: false });
  expect(defaults("changeUser")).toEqual({});
});

const KEPT = join(import.meta.dir, "../../docs/openapi.json");
const UPDATE = "UPDATE=1 just test tests/http/openapi.test.ts";

test("docs/openapi.json is this document, so that a change of the wire is seen in review", async () => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (process.env.UPDATE) await Bun.write(KEPT, text);
  const kept = await Bun.file(KEPT).text();
  expect(kept === text ? "the same" : `another; if that is meant, write it again: ${UPDATE}`).toBe(
    "the same",
  );
});

test("the linter finds nothing in it", async () => {
  const lint = Bun.spawn(
    [
      process.execPath,
      "--bun",
      "node_modules/.bin/redocly",
      "lint",
      KEPT,
      "--extends=recommended",
      "--format=stylish",
    ],
    {
      cwd: join(import.meta.dir, "../.."),
      // It would send telemetry, and check for updates.
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const said = (
    await Promise.all([lint.stdout, lint.stderr].map((stream) => new Response(stream).text()))
  ).join("");
  expect(`${await lint.exited} ${said}`).toStartWith("0");
  expect(said).not.toMatch(/warning|error/i);
});

test("it requires a token exactly where the API does", async () => {
  for (const { name, path, operation } of operations.filter(({ name }) => name.startsWith("GET "))) {
    const { status } = await call(api, "GET", path.replace(/\{\w+\}/, "nobody"));
    expect(status === 401, name).toBe(operation.security === undefined);
  }
});

test("the bodies that Swagger UI fills in are valid", async () => {
  const bodies = operations.filter(({ operation }) => operation.requestBody);
  expect(bodies.map(({ name }) => name).sort()).toEqual([
    "PATCH /machines/{name}",
    "PATCH /users/{name}",
    "POST /machines",
    "POST /reservations",
    "POST /reservations/{id}/extend",
    "POST /reservations/{id}/release",
    "POST /series",
    "POST /session",
    "POST /tokens",
    "POST /users",
  ]);
  const posts = bodies.filter(({ name }) => name.startsWith("POST "));
  for (const { path, operation } of posts) {
    const { example } = operation.requestBody?.content["application/json"]?.schema ?? {};
    const query = path === "/machines" ? "?check=false" : "";
    const answer = await call(api, "POST", path + query, example, { Authorization: `Bearer ${TOKEN}` });
    const expected: Record<string, unknown> = {
      "/reservations": "not_enough_machines", // none is free here
      "/reservations/{id}/extend": "reservation_not_found",
      "/reservations/{id}/release": "reservation_not_found",
      "/session": "login_failed", // nor is there such a user
    };
    expect(answer.body.code ?? answer.status, path).toBe(expected[path] ?? 201);
  }
});

// For a typed client, a path that doesn't exist does not compile.
type Routes = keyof (typeof app)["~Routes"];
const there: Routes = "reservations";
// @ts-expect-error
const nowhere: Routes = "nowhere";
test("the app's type has its routes, and no others", () => {
  expect<string[]>([there, nowhere]).toEqual(["reservations", "nowhere"]);
});
