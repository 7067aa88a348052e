// Starts what the browser needs: database, API, nginx with TLS and its headers; then Playwright, on Node.
import { expect, setDefaultTimeout, test } from "bun:test";
import { build } from "../../../web/build.ts";
import { call, newSettings, startProgram } from "../../support/program.ts";
import { startProxy } from "../../support/proxy.ts";
import { playwright } from "../playwright.ts";

setDefaultTimeout(300_000);

const TOKEN = "a-token-of-this-test";
const PASSWORD = "a password of dora's";

test("the login page and Swagger UI in Chromium", async () => {
  await build();
  const [api, open] = await Promise.all(
    [{ ADMIN_TOKEN: TOKEN }, {}].map(async (more) => startProgram(await newSettings(more))),
  );
  if (!api || !open) throw new Error("unreachable");
  const proxy = await startProxy(api.url.replace("http://", ""));
  try {
    const machine = { name: "alpine-1", host: "127.0.0.1", port: 9, password: "not asked for" };
    const dora = { name: "dora", role: "admin", password: PASSWORD };
    const bearer = { Authorization: `Bearer ${TOKEN}` };
    expect((await call(api, "POST", "/machines?check=false", machine, bearer)).status).toBe(201);
    expect((await call(api, "POST", "/users", dora, bearer)).status).toBe(201);
    const site = `https://127.0.0.1:${proxy.https}`;
    await playwright("api", { SITE: site, TOKEN, PASSWORD, OPEN_SITE: open.url }, { limit: 280_000 });
    for (const secret of [TOKEN, PASSWORD])
      for (const log of [proxy.log(), api.log()]) expect(log).not.toContain(secret);
  } finally {
    await proxy.stop();
    await Promise.all([api.stop(), open.stop()]);
  }
});
