// Logging in with the form, in either language, and out again.
import { accessible, expect, OPEN_SITE, PASSWORD, SITE, test } from "./fixture.ts";

test("who is not logged in logs in, and is where they wanted to go; logs out, and is out", async ({
  page,
}) => {
  await page.goto("/ui/timeline");
  await expect(page).toHaveURL(/\/login\?to=\/ui\/timeline$/);
  await accessible(page);
  await page.getByLabel("User").fill("ann");
  await page.getByLabel("Password").fill("not hers");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toHaveText("Invalid credentials");
  await expect(page.getByLabel("User")).toHaveValue("ann");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`${SITE}/ui/timeline`);
  await page.getByRole("link", { name: "ann (user)" }).click();
  await expect(page.getByRole("region", { name: "Logged in" })).toContainText(
    "You are ann, with the role user",
  );
  await accessible(page);
  await page.evaluate(() => sessionStorage.setItem("reservations", '["of ann"]'));
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByLabel("User")).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  await page.goto("/ui/");
  await expect(page).toHaveURL(/\/login/);
});

test("what a tab has kept is for whoever comes back, and for nobody else", async ({ page }) => {
  const kept = () => page.evaluate(() => sessionStorage.getItem("typed.none"));
  const enter = async (name: string) => {
    await page.context().clearCookies();
    await page.goto("/login?to=/ui/");
    await page.getByLabel("User").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("link", { name: `${name} (user)` })).toBeVisible();
  };
  await enter("ann");
  await page.evaluate(() => sessionStorage.setItem("typed.none", "{}"));
  await enter("ann");
  expect(await kept()).toBe("{}");
  await enter("ben");
  expect(await kept()).toBeNull();
});

test("a link that leads elsewhere after the login leads to our own page", async ({ browser }) => {
  for (const to of ["https://example.com/", "//example.com", "/ui/../swagger", "javascript:alert(1)"]) {
    const page = await browser.newPage({ baseURL: SITE, ignoreHTTPSErrors: true });
    await page.goto(`/login?to=${encodeURIComponent(to)}`);
    await page.getByLabel("User").fill("ann");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(`${SITE}/ui/`);
    await page.close();
  }
});

test("in French, and where no login is needed", async ({ browser }) => {
  const context = await browser.newContext({ locale: "fr-FR", ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${SITE}/login`);
  await expect(page.getByRole("button", { name: "Se connecter", exact: true })).toBeVisible();
  await accessible(page);
  await page.goto(`${OPEN_SITE}/login`);
  await expect(page.getByRole("region", { name: "Connexion inutile" })).toContainText("just token");
  await accessible(page);
  await context.close();
});
