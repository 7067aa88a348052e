import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { newSettings, startProgram } from "../support/program.ts";

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
  const settings = await newSettings();
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

test("with a token set, everything but the signs of life asks for it", async () => {
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
