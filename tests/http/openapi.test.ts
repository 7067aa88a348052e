// The description of the API: valid, complete, and no promise that the routes don't make.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { app } from "../../app.ts";
import { call, newSettings, type Program, startProgram } from "../support/program.ts";

setDefaultTimeout(120_000);

interface Schema {
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
  responses: Record<string, { description: string; content: Record<string, unknown> }>;
}

const TOKEN = "a-token-of-this-test";
let api: Program;
let document: { openapi: string; paths: Record<string, Record<string, Operation>> };
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
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors ?? []).toEqual([]);
  expect((await description()).body).toEqual(document as object);
});

test("every route is in it, and nothing else", () => {
  const routes = app.routes
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
    .filter((route) => !/ \/(swagger|login)/.test(route));
  expect(operations.map(({ name }) => name).sort()).toEqual(routes.sort());
  expect(routes.length).toBeGreaterThan(10);
});

test("every operation says what it does, what it takes and what it answers, in JSON", () => {
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toBeTruthy();
    expect(Object.keys(operation.responses), name).toContainAnyValues(["200", "201"]);
    for (const [status, { content, description }] of Object.entries(operation.responses)) {
      expect(description, `${name} ${status}`).toBeTruthy();
      const schema = Number(status) < 400 ? { type: "object" } : { $ref: "#/components/schemas/Problem" };
      expect(content, `${name} ${status}`).toEqual({
        "application/json": { schema: expect.objectContaining(schema) },
      });
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

test("every operation declares the errors that it can answer", () => {
  for (const { name, path, operation } of operations) {
    const expected = new Set<string>();
    if (path !== "/healthz") expected.add("503");
    if (!["/healthz", "/readyz"].includes(path))
      for (const status of ["401", "403", "429"]) expected.add(status);
    if (operation.parameters?.length) expected.add("400");
    if (path.includes("{")) expected.add("404");
    if (operation.requestBody) for (const status of ["400", "413", "415"]) expected.add(status);
    if (name.startsWith("POST ") && operation.requestBody && path !== "/session") expected.add("409");
    expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining([...expected]));
  }
});

test("it asks for a token exactly where the API does", async () => {
  for (const { name, path, operation } of operations.filter(({ name }) => name.startsWith("GET "))) {
    const { status } = await call(api, "GET", path.replace(/\{\w+\}/, "nobody"));
    expect(status === 401, name).toBe(operation.security === undefined);
  }
});

test("the bodies that Swagger UI fills in are good ones", async () => {
  const bodies = operations.filter(({ operation }) => operation.requestBody);
  expect(bodies.map(({ name }) => name).sort()).toEqual([
    "PATCH /machines/{name}",
    "PATCH /users/{name}",
    "POST /machines",
    "POST /reservations",
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
      "/session": "login_failed", // nor is there such a user
    };
    expect(answer.body.code ?? answer.status, path).toBe(expected[path] ?? 201);
  }
});
