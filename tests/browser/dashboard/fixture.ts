// What each test of the dashboard starts from: a page that is watched, a site that it may change, and an empty pool after it.
import AxeBuilder from "@axe-core/playwright";
import { type Browser, expect, type Page, test as plain } from "@playwright/test";
import { watch } from "../page.ts";

export { expect };

const { CONTROL = "", API = "", SITE = "", PASSWORD = "", TOKEN = "" } = process.env;
export const OPEN_SITE = process.env.OPEN_SITE ?? "";
export { PASSWORD, SITE, TOKEN };

/** Has the site do something: see site.ts. @returns what that returned */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
export async function control(what: string, ...args: string[]): Promise<any> {
  const answer = await fetch(CONTROL, { method: "POST", body: JSON.stringify([what, ...args]) });
  if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
  return answer.json();
}

/** A request to the open API, beside the browser: whatever an admin may do. */
export async function api(method: string, path: string, body?: unknown) {
  const answer = await fetch(API + path, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await answer.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  return { status: answer.status, body: (text ? JSON.parse(text) : undefined) as any };
}

/** Logs the page's context in, without the form. @param name dora (admin), ann or ben (user), vic (viewer) */
export async function logIn(page: Page, name: string): Promise<void> {
  const { request } = page.context();
  const answer = await request.post("/session", { data: { user: name, password: PASSWORD } });
  expect(answer.status()).toBe(201);
}

/** A second browser, of somebody else. */
export async function another(browser: Browser, name: string, locale = "en-GB"): Promise<Page> {
  const context = await browser.newContext({ baseURL: SITE, ignoreHTTPSErrors: true, locale });
  const page = await context.newPage();
  await logIn(page, name);
  return page;
}

/** Finds nothing against WCAG 2.2 AA, light and dark; and nothing is wider than 360 pixels. */
export async function accessible(page: Page): Promise<void> {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes.map((n) => n.html).join(" | ")}`),
    ).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  if (size) await page.setViewportSize(size);
}

/** How long something takes to be seen, printed: a busy machine may be late and yet be right. */
export async function timed(what: string, seen: () => Promise<unknown>): Promise<void> {
  const from = performance.now();
  await seen();
  console.log(`measured: ${what} after ${Math.round(performance.now() - from)} ms`);
}

const MACHINES = ["lab-1", "lab-2", "lab-3", "lab-4"];

/** A machine is as it was at the beginning, also if a test that failed had changed it. */
async function restore(name: string): Promise<void> {
  const { status, body } = await api("GET", `/machines/${name}`);
  if (status === 404) {
    const { host, port, password } = await control("machine", name);
    await api("POST", "/machines", { name, host, port, password });
  } else if (body.drained || Object.keys(body.labels).length > 0)
    await api("PATCH", `/machines/${name}`, { drained: false, labels: {} });
  if (body.state === "quarantined") await api("PATCH", `/machines/${name}`, { retry: true });
}

/** Releases everything, and waits until every machine is offered. */
async function emptyPool(): Promise<void> {
  for (const series of (await api("GET", "/series")).body?.series ?? [])
    await api("DELETE", `/series/${series.id}`);
  const rows = await control(
    "sql",
    "SELECT id FROM reservations WHERE ended_at IS NULL ORDER BY created_at DESC",
  );
  for (const { id } of rows) await api("DELETE", `/reservations/${id}`);
  await Promise.all(MACHINES.map(restore));
  await expect(async () => {
    const left = await control("sql", "SELECT name, state FROM machines WHERE state <> 'available'");
    expect(left).toEqual([]);
  }).toPass({ timeout: 30_000 });
}

interface Options {
  /** console messages that the test expects */
  expected: RegExp;
}

export const test = plain.extend<Options & { watched: undefined }>({
  expected: [/^Failed to load resource: the server responded with a status of 40[01349]/, { option: true }],
  watched: [
    async ({ page, baseURL, expected }, use) => {
      const complaints = await watch(page, baseURL as string, expected);
      await use(undefined);
      await emptyPool();
      expect(complaints()).toEqual([]);
    },
    { auto: true },
  ],
});
