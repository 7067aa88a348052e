// Run on Node by the *.test.ts beside it, which says where the site is.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: process.env.FOLDER ?? ".",
  testMatch: "*.e2e.ts",
  outputDir: process.env.OUTPUT ?? "/tmp/machine-manager-browser",
  reporter: "list",
  workers: 1,
  // Chromium loses its connections when networks are made beside it (ERR_NETWORK_CHANGED); a report says what was retried.
  retries: 1,
  // A busy machine is slow; what is broken is no slower for that.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  use: {
    baseURL: process.env.SITE ?? "https://localhost",
    ignoreHTTPSErrors: true, // the certificate is self-signed
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
