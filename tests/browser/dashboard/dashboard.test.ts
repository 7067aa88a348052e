// Starts the site, then Playwright, on Node. FILES=pool.e2e.ts runs one of them.
import { setDefaultTimeout, test } from "bun:test";
import { playwright } from "../playwright.ts";
import { startSite } from "./site.ts";

setDefaultTimeout(900_000);

test("the dashboard in Chromium", async () => {
  const site = await startSite(4);
  try {
    await playwright("dashboard", site.env, 800_000);
  } finally {
    await site.stop();
  }
});
