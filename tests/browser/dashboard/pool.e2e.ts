// The page Pool, as somebody uses it who was told nothing.
import { accessible, another, api, control, expect, logIn, OPEN_SITE, test } from "./fixture.ts";

test("reserve two machines, log in with what the page shows, extend, release", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/");
  await expect(page).toHaveURL(/\/ui\/$/);
  const form = page.getByRole("form", { name: "Reserve machines" });
  await expect(form.getByLabel("User name")).toHaveValue("ann");
  await form.getByLabel("How many").fill("2");
  await form.getByLabel("Minutes").fill("30");
  await expect(form).toContainText("4 match, 4 free");
  await form.getByRole("button", { name: "Reserve" }).click();
  const mine = page.getByRole("region", { name: "Your machines" });
  const lines = mine.getByRole("region", { name: /^Log in/ });
  await expect(lines).toHaveCount(2);
  const password = (await mine.getByRole("region", { name: "Password" }).textContent()) ?? "";
  for (const line of await lines.allTextContents()) {
    const [, port = ""] = /ssh -p (\d+) ann@127\.0\.0\.1/.exec(line) ?? [];
    expect(await control("ssh", port, "ann", password, "id -un")).toBe("ann");
  }
  await accessible(page);

  await mine.getByRole("button", { name: "Extend" }).click();
  await page.getByLabel("Minutes more").fill("15");
  await page.getByRole("button", { name: "Extend it" }).click();
  await expect(mine).toContainText("44 minutes");
  await mine.getByRole("button", { name: "Release" }).click();
  await expect(page.getByRole("dialog")).toContainText("The account ann, its files and its processes");
  await page.getByRole("button", { name: "Release now" }).click();
  await expect(mine).toHaveCount(0);
  expect((await api("GET", "/available")).body.reserved).toEqual([]);
});

test("another browser shows it within a second", async ({ page, browser }) => {
  await logIn(page, "dora");
  await page.goto("/ui/");
  const taken = page.getByRole("listitem").filter({ hasText: "held by ben" });
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const ben = await another(browser, "ben");
  await ben.goto("/ui/");
  await ben.getByRole("button", { name: "Reserve" }).click();
  await expect(ben.getByRole("region", { name: "Your machines" })).toContainText("Ready");
  await expect(taken).toContainText("Taken", { timeout: 1000 });
  await ben.context().close();
});

test("an open API says so, and what to type", async ({ browser }) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${OPEN_SITE}/ui/`);
  await expect(page.getByText("just token")).toBeVisible();
  await accessible(page);
  await context.close();
});
