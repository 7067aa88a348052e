// `just pictures`: takes the documents' pictures of the dashboard from a running stack, and changes nothing there but a
// session of its own, which it ends.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "@playwright/test";
import { isLoopback } from "../../config.ts";
import { Stop, say, script } from "../script/say.ts";
import { ROOT, readSettings } from "../script/settings.ts";
import { waitFor } from "../script/wait.ts";
import { writeWhole } from "../script/write.ts";
import { smaller } from "./png.ts";

const USAGE = `usage: just pictures [ADDRESS]

Writes pictures of the dashboard at ADDRESS (default: https://localhost) to docs/pictures: each page in light and dark, and
on a phone, with the times of TZ. If the stack asks for a login, ADMIN_TOKEN (of .env, unless the environment has it) is used;
any admin's token will do.`;

const CHROMIUM = "/usr/bin/chromium";
const FOLDER = join(ROOT, "docs/pictures");
const READY_MS = 20_000;
const STILL_MS = 700;

const PAGES = ["", "timeline", "reservations", "series", "machines", "users", "events", "usage"].map(
  (page) => ({
    name: page || "pool",
    path: `/ui/${page}`,
  }),
);

const DESK = { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 1 };
const PHONE = { viewport: { width: 360, height: 720 }, deviceScaleFactor: 2 };
const LOOKS = [
  { look: "light", colorScheme: "light", ...DESK },
  { look: "dark", colorScheme: "dark", ...DESK },
  { look: "phone", colorScheme: "light", ...PHONE },
] as const;

/** Whether a page shows all that it has: it is connected, and nothing in it is still being loaded. */
async function isReady(page: Page): Promise<boolean> {
  const places = "main :is(.is-loading, .is-loading-row, [aria-busy=true]), .connection:not(.is-live)";
  const waiting = page.locator(places).or(page.getByText("Loading…")).filter({ visible: true });
  return (await page.locator("main > *").count()) > 0 && (await waiting.count()) === 0;
}

/** Takes one once nothing in it changes any more. */
async function take(context: BrowserContext, address: string): Promise<Buffer> {
  const page = await context.newPage();
  try {
    await page.goto(address, { waitUntil: "load" });
    let png: Buffer = Buffer.alloc(0);
    const isStill = async () => {
      const before = png;
      png = await page.screenshot({ animations: "disabled", caret: "hide" });
      return png.equals(before) && (await isReady(page));
    };
    if (!(await waitFor(isStill, READY_MS, STILL_MS))) throw new Stop(`${address}: not ready in time`);
    return png;
  } finally {
    await page.close();
  }
}

async function write(context: BrowserContext, address: string, file: string): Promise<void> {
  const png = smaller(await take(context, address));
  writeWhole(join(FOLDER, file), png, 0o644);
  say(`${file}: ${Math.ceil(png.length / 1000)} kB`);
}

/** Logs in, if the stack asks for that. @returns how to log out again */
async function logIn(context: BrowserContext, origin: string): Promise<() => Promise<unknown>> {
  const { request } = context;
  const headers = { accept: "text/html" };
  const first = await request.get(`${origin}/ui/`, { headers }).catch(() => undefined);
  if (!first?.ok()) throw new Stop(`no stack answers at ${origin}; start one with: just run\n\n${USAGE}`);
  if ((await first.text()).includes(" data-open")) return async () => {};
  const token = readSettings().secret("ADMIN_TOKEN");
  if (!token) throw new Stop(`${origin} asks for a login: set ADMIN_TOKEN\n\n${USAGE}`);
  const made = await request.post(`${origin}/session`, { data: { token } });
  const session = await made.json();
  if (made.status() !== 201) throw new Stop(`${origin} refuses ADMIN_TOKEN: ${session.error}`);
  if (session.role !== "admin")
    throw new Stop("some pages are for admins: set ADMIN_TOKEN to a token of one");
  return () => request.delete(`${origin}/session`, { headers: { "x-csrf-token": session.csrf } });
}

async function takeAll(browser: Browser, origin: string): Promise<void> {
  const ignoreHTTPSErrors = isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ""));
  const how = { ignoreHTTPSErrors, locale: "en-GB", reducedMotion: "reduce" } as const;
  const first = await browser.newContext(how);
  const logOut = await logIn(first, origin);
  try {
    const storageState = await first.storageState();
    for (const { look, ...device } of LOOKS) {
      const context = await browser.newContext({ ...how, ...device, storageState });
      for (const { name, path } of PAGES) await write(context, origin + path, `${name}-${look}.png`);
      await context.close();
    }
    // Without a session: with one, the page only says whose. Last, since the stack records that nobody is logged in.
    for (const { look, ...device } of LOOKS) {
      const context = await browser.newContext({ ...how, ...device });
      await write(context, `${origin}/login`, `login-${look}.png`);
      await context.close();
    }
  } finally {
    await logOut();
  }
}

await script("pictures", async () => {
  const [address = "https://localhost", ...rest] = process.argv.slice(2);
  const origin = URL.parse(address)?.origin;
  if (!origin?.startsWith("http") || rest.length > 0) throw new Stop(USAGE, 2);
  if (!existsSync(CHROMIUM)) throw new Stop(`${CHROMIUM} is missing; install it with: just setup --tests`);
  mkdirSync(FOLDER, { recursive: true });
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    await takeAll(browser, origin);
  } finally {
    await browser.close();
  }
  return 0;
});
