// Starts what the browser needs: database, API, nginx with TLS and its headers; then Playwright, on Node.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, newSettings, startProgram } from "../support/program.ts";
import { startProxy } from "../support/proxy.ts";
import { ended } from "../support/run.ts";

setDefaultTimeout(300_000);

const ROOT = join(import.meta.dir, "../..");
const CHROMIUM = "/usr/bin/chromium";
const TOKEN = "a-token-of-this-test";
const PASSWORD = "a password of dora's";

test("the login page and Swagger UI in Chromium", async () => {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing; install it with: just setup --tests`);
  const node = Bun.which("node");
  if (!node)
    throw new Error("Node is missing: Playwright runs on it; install it with: apt-get install nodejs");

  const [api, open] = await Promise.all(
    [{ ADMIN_TOKEN: TOKEN }, {}].map(async (more) => startProgram(await newSettings(more))),
  );
  if (!api || !open) throw new Error("unreachable");
  const proxy = await startProxy(api.url.replace("http://", ""));
  const output = mkdtempSync(join(tmpdir(), "mm-browser-"));
  try {
    const machine = { name: "alpine-1", host: "127.0.0.1", port: 9, password: "not asked for" };
    const dora = { name: "dora", role: "admin", password: PASSWORD };
    const bearer = { Authorization: `Bearer ${TOKEN}` };
    expect((await call(api, "POST", "/machines?check=false", machine, bearer)).status).toBe(201);
    expect((await call(api, "POST", "/users", dora, bearer)).status).toBe(201);
    const child = Bun.spawn(
      [
        node,
        "node_modules/@playwright/test/cli.js",
        "test",
        "--config",
        "tests/browser/playwright.config.ts",
      ],
      {
        cwd: ROOT,
        env: {
          ...process.env,
          JEST_WORKER_ID: undefined, // set by `bun test --parallel`; Playwright would think that it is run by Jest
          SITE: `https://127.0.0.1:${proxy.https}`,
          TOKEN,
          PASSWORD,
          OPEN_SITE: open.url,
          OUTPUT: output,
          CHROMIUM,
        },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const { code, stdout, stderr } = await ended(child);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(" passed");
    for (const secret of [TOKEN, PASSWORD])
      for (const log of [proxy.log(), api.log()]) expect(log).not.toContain(secret);
  } finally {
    await proxy.stop();
    await Promise.all([api.stop(), open.stop()]);
    rmSync(output, { recursive: true, force: true });
  }
});
