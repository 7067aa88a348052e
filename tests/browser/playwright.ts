// Runs Playwright, on Node.
import { expect } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, ROOT } from "../support/run.ts";

const CHROMIUM = "/usr/bin/chromium";

interface How {
  /** only these; without it, all of them */
  files?: string[];
  /** in ms: less than bun's own, which would lose the report that says what it was at */
  limit: number;
}

/**
 * Runs tests of a folder below tests/browser.
 * @throws Error with what is missing; an assertion with Playwright's report
 */
export async function playwright(
  folder: string,
  env: Record<string, string>,
  { files = [], limit }: How,
): Promise<void> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing; install it with: just setup --tests`);
  const node = Bun.which("node");
  if (!node)
    throw new Error("Node is missing: Playwright runs on it; install it with: apt-get install nodejs");
  const output = mkdtempSync(join(tmpdir(), "mm-browser-"));
  const config = ["--config", "tests/browser/playwright.config.ts"];
  try {
    const child = Bun.spawn([node, "node_modules/@playwright/test/cli.js", "test", ...config, ...files], {
      cwd: ROOT,
      env: {
        ...process.env,
        JEST_WORKER_ID: undefined, // set by `bun test --parallel`; Playwright would think that it is run by Jest
        FOLDER: folder,
        OUTPUT: output,
        CHROMIUM,
        ...env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const tooLong = setTimeout(() => child.kill("SIGINT"), limit);
    const { code, stdout, stderr } = await ended(child);
    clearTimeout(tooLong);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(" passed");
    for (const [line] of stdout.matchAll(/^measured: .*/gm)) console.log(line);
    // Those that failed at first, with why.
    if (/ flaky$/m.test(stdout)) console.log(stdout.slice(stdout.search(/^ *1\) /m)));
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}
