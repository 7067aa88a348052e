import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { sharedDatabase } from "../support/database.ts";
import { call, newSettings, startProgram } from "../support/program.ts";

setDefaultTimeout(120_000);

const failure = (settings: Parameters<typeof startProgram>[0]) =>
  startProgram(settings).then(
    async (program) => {
      await program.stop();
      return "";
    },
    (error) => String(error),
  );

test("several processes may start at once on an empty database", async () => {
  const settings = { ...(await newSettings()), DATABASE_URL: await (await sharedDatabase()).empty() };
  const all = await Promise.all(
    [1, 2, 3, 4].map((n) => startProgram(settings, n === 4 ? "scheduler" : "api")),
  );
  for (const one of all) expect(await one.stop()).toBe(0);
});

test("a wrong SECRET_KEY says so at start and touches nothing", async () => {
  const settings = await newSettings();
  await (await startProgram(settings)).stop();
  const text = await failure({ ...settings, SECRET_KEY: randomBytes(32).toString("base64") });
  expect(text).toContain("SECRET_KEY is not the key");
  const again = await startProgram(settings);
  expect(await again.stop()).toBe(0);
});

test("a bad value stops the start with one line", async () => {
  const text = await failure({ ...(await newSettings()), EXPIRE_EVERY: "often" });
  expect(text).toContain("ended with 1");
  expect(text).toContain("EXPIRE_EVERY");
});

test("several workers share the port", async () => {
  const program = await startProgram({ ...(await newSettings()), WEB_CONCURRENCY: "2" });
  for (let n = 0; n < 10; n++) expect((await fetch(`${program.url}/readyz`)).status).toBe(200);
  expect(await program.stop()).toBe(0);
});

test("with a token set, everything but the health checks requires it", async () => {
  const token = randomBytes(16).toString("hex");
  const program = await startProgram({ ...(await newSettings()), ADMIN_TOKEN: token });
  const ask = async (path: string, headers = {}) => (await fetch(program.url + path, { headers })).status;
  expect(await ask("/healthz")).toBe(200);
  expect(await ask("/readyz")).toBe(200);
  expect(await ask("/available")).toBe(401);
  expect(await ask("/nothing")).toBe(401);
  expect(await ask("/available", { Authorization: `Bearer ${token}x` })).toBe(401);
  expect(await ask("/available", { Authorization: `Bearer ${token}` })).toBe(200);
  expect(program.log()).not.toContain(token);
  await program.stop();
});

test("REQUIRE_HOST_KEY and ALLOWED_MACHINE_NETWORKS are enforced when a machine is registered", async () => {
  const program = await startProgram({
    ...(await newSettings()),
    REQUIRE_HOST_KEY: "true",
    ALLOWED_MACHINE_NETWORKS: "10.0.0.0/8",
  });
  const key = `ssh-ed25519 ${"A".repeat(68)}`;
  const add = async (host: string, host_key?: string) => {
    const { status, body } = await call(program, "POST", "/machines?check=false", {
      name: "m",
      host,
      password: "p",
      host_key,
    });
    return [status, body.details?.[0].field ?? body.state];
  };
  expect(await add("10.0.0.5")).toEqual([400, "host_key"]);
  expect(await add("127.0.0.1", key)).toEqual([400, "host"]);
  expect(await add("169.254.169.254", key)).toEqual([400, "host"]);
  expect(await add("10.0.0.5", key)).toEqual([201, "quarantined"]);
  await program.stop();
  expect(await failure({ ...(await newSettings()), ALLOWED_MACHINE_NETWORKS: "10.0.0.0/99" })).toContain(
    "ALLOWED_MACHINE_NETWORKS must be networks",
  );
  expect(await failure({ ...(await newSettings()), ALLOWED_MACHINE_NETWORKS: "everywhere" })).toContain(
    "networks",
  );
});
