// A person logs in at the page, changes something through Swagger UI, and logs out.
import { expect, type Page, test } from "@playwright/test";
import { execute, tryOut, watch } from "../page.ts";

const { TOKEN = "", PASSWORD = "" } = process.env;
let complaints: () => string[];

test.beforeEach(async ({ page, baseURL }) => {
  complaints = await watch(page, baseURL as string);
});
test.afterEach(() => {
  expect(complaints()).toEqual([]);
});

const submit = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const loggedIn = (page: Page) => page.getByRole("region", { name: "Logged in" });

async function logIn(page: Page, user: string, password: string) {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(password);
  await submit(page, "Log in");
}

test("from /swagger to the login page, log in, change something, log out, and stay logged out", async ({
  page,
  baseURL,
}) => {
  await page.goto("/swagger#/pool/listAvailable");
  await expect(page).toHaveURL(/\/login/);
  await logIn(page, "dora", "not her password");
  await expect(page.getByRole("alert")).toHaveText("Invalid credentials");
  await expect(page).toHaveURL(/\/login/);
  await logIn(page, "dora", PASSWORD);

  // Back where she wanted to go, and it shows who is logged in.
  await expect(page).toHaveURL(`${baseURL}/swagger#/pool/listAvailable`);
  await expect(page.locator("#who")).toHaveText("dora (admin), log out");
  const block = await tryOut(page, "createUser");
  await block.locator("textarea").fill('{"name":"made-in-a-browser","role":"viewer"}');
  expect(await execute(block)).toMatchObject({ status: "201", body: { name: "made-in-a-browser" } });

  // A GET that changes something is not for browsers.
  expect(await execute(await tryOut(page, "releaseAll"))).toMatchObject({ status: "401" });

  const cookies = await page.context().cookies();
  expect(cookies).toMatchObject([
    { name: "__Host-machine_manager", httpOnly: true, secure: true, sameSite: "Strict", expires: -1 },
  ]);
  expect(await page.evaluate(() => document.cookie)).toBe("");

  await page.waitForLoadState("networkidle");
  await page.locator("#who").click();
  await expect(loggedIn(page)).toContainText("You are dora, with the role admin");
  await submit(page, "Log out");
  await expect(page.getByLabel("User")).toBeVisible();
  expect(await page.context().cookies()).toEqual([]);
  await page.context().addCookies(cookies);
  expect((await page.request.get("/available")).status()).toBe(401);
  await page.goto("/swagger");
  await expect(page).toHaveURL(/\/login/);
});

test("with a token, using only the keyboard", async ({ page }) => {
  await page.goto("/login?to=/swagger");
  await page.getByLabel("Token").focus();
  await page.keyboard.type(TOKEN);
  await page.keyboard.press("Enter");
  await expect(page.locator("#who")).toHaveText("ADMIN_TOKEN (admin), log out");
  // Leaving a page that is still loading makes a request fail.
  await page.waitForLoadState("networkidle");
  await page.goto("/login");
  await expect(loggedIn(page)).toContainText("You are ADMIN_TOKEN");
  await loggedIn(page).getByRole("link").click();
  await expect(page.getByRole("form", { name: "Reserve machines" })).toBeVisible();
  await page.getByRole("link", { name: "API" }).click();
  await expect(page.locator(".opblock").first()).toBeVisible();
});
