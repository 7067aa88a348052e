// An API without ADMIN_TOKEN: no login is needed, and the pages say so. Also narrow and dark screens.
import { expect, test } from "@playwright/test";
import { execute, tryOut, watch } from "../page.ts";

const OPEN_SITE = process.env.OPEN_SITE ?? "";

test("the login page says that no login is needed, and sends the API no request", async ({ page }) => {
  const complaints = await watch(page, OPEN_SITE, /^$/);
  await page.goto(`${OPEN_SITE}/login?to=/swagger`, { waitUntil: "networkidle" });
  await expect(page.getByRole("region", { name: "No login needed" })).toContainText("No login is needed");
  // People with a user may still log in.
  await expect(page.getByLabel("User")).toBeVisible();
  await page.getByRole("region", { name: "No login needed" }).getByRole("link").click();
  await expect(page.locator("#who")).toHaveText("Open API: no login needed");
  await page.waitForLoadState("networkidle");
  expect(complaints()).toEqual([]);
});

test("Swagger UI loads without a 401 and leaves no request open; a change works without a login", async ({
  page,
}) => {
  const complaints = await watch(page, OPEN_SITE, /^$/);
  await page.goto(`${OPEN_SITE}/swagger`, { waitUntil: "networkidle" });
  const block = await tryOut(page, "createUser");
  await block.locator("textarea").fill('{"name":"made-in-the-open"}');
  expect(await execute(block)).toMatchObject({ status: "201", body: { name: "made-in-the-open" } });
  expect(complaints()).toEqual([]);
});

test("on a screen of 360 pixels, an opened operation has room, and nothing overflows", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${OPEN_SITE}/swagger#/reservations/createReservation`);
  const block = page.locator('.opblock[id$="-createReservation"]');
  await block.getByRole("button", { name: "Try it out" }).click();
  for (const part of [
    block.locator(".responses-table .microlight").first(),
    block.locator(".parameters-col_description input").first(),
    block.locator("textarea"),
  ])
    expect((await part.boundingBox())?.width).toBeGreaterThan(250);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});

test("the pages are dark if the system is", async ({ browser }) => {
  /** How light a colour is, 0 to 255. */
  const light = (colour: string) => Math.max(...(colour.match(/\d+/g) ?? []).slice(0, 3).map(Number));
  for (const [colorScheme, dark] of [
    ["dark", true],
    ["light", false],
  ] as const) {
    const page = await browser.newPage({ colorScheme });
    await page.goto(`${OPEN_SITE}/swagger`);
    await expect(page.locator(".opblock").first()).toBeVisible();
    const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const text = await page.locator(".info .title").evaluate((one) => getComputedStyle(one).color);
    expect([light(text) > 128, ground !== "rgba(0, 0, 0, 0)" && light(ground) < 64]).toEqual([dark, dark]);
    await page.emulateMedia({ colorScheme: dark ? "light" : "dark" });
    await expect(page.locator("html")).toHaveClass(dark ? "" : "dark-mode");
    await page.close();
  }
});
