// API processes are killed in the middle of what somebody does: the page says so, keeps what was typed, and goes on.
import type { APIRequestContext, Page } from "@playwright/test";
import { api, control, expect, logIn, test } from "./fixture.ts";

test.use({ expected: /Failed to load resource|^failed: / });
test.afterEach(({ request }) => start(request));

const NO_ANSWER = /what you typed is kept|may or may not/;
const isLive = (page: Page) =>
  expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });

/** Starts those that are gone, until nginx passes on to both again: it leaves one out for a time after it failed. */
async function start(request: APIRequestContext): Promise<void> {
  for (const n of ["0", "1"]) await control("start API", n);
  await expect(async () => {
    for (let n = 0; n < 4; n++) expect((await request.get("/session")).status()).not.toBe(503);
  }).toPass({ timeout: 30_000 });
}

/** Both are gone while something is done, which says so; then they are back. */
async function without(page: Page, act: () => Promise<void>): Promise<void> {
  await isLive(page);
  for (const n of ["0", "1"]) await control("kill API", n);
  await expect(page.getByText("Reconnecting…")).toBeVisible();
  await act();
  await expect(page.getByText(NO_ANSWER).first()).toBeVisible();
  await start(page.request);
  await isLive(page);
}

test("reserve, extend, and release with one of two", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/");
  const reserve = page.getByRole("button", { name: "Reserve" });
  await expect(reserve).toBeVisible();
  await without(page, async () => {
    await page.getByLabel("Minutes").fill("17");
    await reserve.click();
  });
  await expect(page.getByLabel("Minutes")).toHaveValue("17");
  await reserve.click();
  const mine = page.getByRole("region", { name: "Your machines" });
  await expect(mine).toContainText(/1[2-6] minutes/);

  await mine.getByRole("button", { name: "Extend" }).click();
  const more = page.getByLabel("Minutes more");
  const extend = page.getByRole("button", { name: "Extend it" });
  await without(page, async () => {
    await more.fill("20");
    await extend.click();
  });
  await expect(more).toHaveValue("20");
  await extend.click();
  await expect(mine).toContainText(/3[0-6] minutes/);

  await control("kill API", "0");
  await mine.getByRole("button", { name: "Release" }).click();
  const release = page.getByRole("button", { name: "Release now" });
  await release.click();
  await expect(async () => {
    // While it waits, or once it is done, there is no such button.
    if ((await release.count()) > 0) await release.click({ timeout: 1000 }).catch(() => {});
    await expect(mine).toHaveCount(0, { timeout: 2000 });
  }).toPass({ timeout: 60_000 });
});

test("book on the timeline", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/timeline");
  await page.getByRole("button", { name: "Next day" }).click();
  await page
    .getByRole("grid", { name: "Timeline" })
    .getByRole("gridcell", { name: /^lab-1, .* free$/ })
    .first()
    .press("Enter");
  const form = page.getByRole("form", { name: "Reserve machines" });
  await without(page, async () => {
    await form.getByLabel("Minutes").fill("45");
    await form.getByRole("button", { name: "Reserve" }).click();
  });
  await expect(form.getByLabel("Minutes")).toHaveValue("45");
  await form.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByText("1 machine is booked.")).toBeVisible();
  expect((await control("sql", "SELECT id FROM reservations WHERE ended_at IS NULL")).length).toBe(1);
});

test("a machine's labels", async ({ page }) => {
  await logIn(page, "dora");
  await page.goto("/ui/machines");
  await page.getByRole("button", { name: "Details of lab-1" }).click();
  await page.getByRole("button", { name: "Edit labels" }).click();
  const labels = page.getByRole("dialog").getByLabel("Labels");
  const save = page.getByRole("button", { name: "Save labels" });
  await without(page, async () => {
    await labels.fill("rack=9");
    await save.click();
  });
  await expect(labels).toHaveValue("rack=9");
  await save.click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  expect((await api("GET", "/machines/lab-1")).body.labels).toEqual({ rack: "9" });
});
