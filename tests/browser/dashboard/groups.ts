// Starts the site, then Playwright, on Node, with some of the files here. A file has the pool for itself, so that files
// which run at the same time need a site each.
import { readdirSync } from "node:fs";
import { playwright } from "../playwright.ts";
import { startSite } from "./site.ts";

/** Of about the same length. Each is a `GROUP.test.ts` here. */
const GROUPS = {
  one: ["pool", "again", "hostile", "killed", "login"],
  time: ["timeline", "reservations", "series"],
  admin: ["machines", "users", "events", "usage"],
};

/** bun's own limit for a group, and a lower one, in ms, so that Playwright can say what it was at. */
export const LIMIT = 600_000;
const WHOLE = LIMIT - 40_000;

/**
 * Runs a group's files; of them only those that FILES in the environment names, if it is set.
 * @throws Error if a file is in no group; an assertion with Playwright's report
 */
export async function runGroup(name: keyof typeof GROUPS): Promise<void> {
  const all = Object.values(GROUPS).flat();
  const found = readdirSync(import.meta.dir).flatMap((file) => /^(\w+)\.e2e\.ts$/.exec(file)?.[1] ?? []);
  const other = found.filter((file) => !all.includes(file));
  if (other.length > 0) throw new Error(`in no group of ${import.meta.path}: ${other.join(" ")}`);
  const asked = process.env.FILES?.split(" ");
  const files = GROUPS[name].map((file) => `${file}.e2e.ts`).filter((file) => !asked || asked.includes(file));
  if (files.length === 0) return;
  const site = await startSite(4);
  try {
    await playwright("dashboard", site.env, { files, limit: WHOLE });
  } finally {
    await site.stop();
  }
}
