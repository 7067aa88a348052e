import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ROOT, run } from "../support/run.ts";

setDefaultTimeout(60_000);

test("the migrations match the schema: a new one would be empty", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mm-migrations-"));
  try {
    cpSync(join(ROOT, "db/migrations"), folder, { recursive: true });
    const before = readdirSync(folder).sort();
    const out = relative(ROOT, folder); // it doesn't accept an absolute path
    const { stdout, stderr } = await run(
      ["bunx", "drizzle-kit", "generate", "--dialect", "mysql", "--schema", "./db/schema/*.ts", "--out", out],
      {},
      ROOT,
    );
    expect(stdout + stderr).toContain("No schema changes");
    expect(readdirSync(folder).sort()).toEqual(before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
