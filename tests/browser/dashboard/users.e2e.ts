// The page Users and tokens.
import type { Page } from "@playwright/test";
import { accessible, another, api, control, expect, logIn, test } from "./fixture.ts";

const row = (page: Page, list: string, name: string) =>
  page
    .getByRole("list", { name: list })
    .getByRole("listitem")
    .filter({ has: page.getByText(name, { exact: true }) });
const open = async (page: Page) => {
  await logIn(page, "dora");
  await page.goto("/ui/users");
  await expect(page.getByRole("list", { name: "Users" })).toBeVisible();
};
test.use({ expected: /^Failed to load resource: the server responded with a status of 40[01349]/ });

test("a user is made, limited and deleted, with what they hold", async ({ page }) => {
  await open(page);
  const form = page.getByRole("form", { name: "Make a user" });
  await form.getByLabel("Name").fill("eve");
  await form.getByLabel("Password").fill("short");
  await page.keyboard.press("Enter");
  await expect(form.getByLabel("Password")).toHaveAccessibleDescription(/12 to 128/);
  await expect(form.getByLabel("Name")).toHaveValue("eve");
  await form.getByLabel("Password").fill("a password of eve's");
  await page.keyboard.press("Enter");
  const eve = row(page, "Users", "eve");
  await expect(eve).toContainText("usual limits");
  await expect(form.getByLabel("Name")).toHaveValue("");
  await form.getByLabel("Name").fill("Eve");
  await page.keyboard.press("Enter");
  await expect(form.getByLabel("Name")).toHaveAccessibleDescription(/'eve' already exists/);
  await accessible(page);

  await eve.getByRole("button", { name: "Change eve" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Machines at once").fill("-1");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByLabel("Machines at once")).toHaveAccessibleDescription(/whole number/);
  await dialog.getByLabel("Machines at once").fill("1");
  await dialog.getByLabel("Longest reservation").fill("30");
  await accessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(eve).toContainText("1 machine at once, 30 minutes at most");

  const { token } = (await api("POST", "/tokens", { user: "eve", name: "t" })).body;
  const headers = { Authorization: `Bearer ${token}` };
  const ask = (count: number) =>
    page.request.post("/reservations", { headers, data: { username: "eve", count, duration: 30 } });
  expect((await ask(2)).status()).toBe(403);
  const held = await ask(1);
  expect(held.status()).toBe(201);
  const { machine } = (await held.json()).machines[0];
  await eve.getByRole("button", { name: "Delete eve" }).click();
  await expect(dialog).toContainText(`They have ${machine}`);
  await expect(dialog).toContainText("1 token stop");
  await accessible(page);
  await dialog.getByRole("button", { name: "Delete the user" }).click();
  await expect(page.getByText("eve was deleted, and has no account left.")).toBeVisible();
  await expect(eve).toHaveCount(0);
  expect((await ask(1)).status()).toBe(401);
  expect((await control("exec", machine, "id eve")).code).not.toBe(0);
});

test("whoever deletes a user is never told that they hold nothing before that is known", async ({ page }) => {
  await api("POST", "/users", { name: "gus" });
  await open(page);
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route("**/reservations?*", async (route) => {
    await held;
    await route.fallback();
  });
  await page.getByRole("button", { name: "Delete gus" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("status")).toHaveText("Loading…");
  go();
  await expect(dialog.getByRole("status")).toHaveText("They have no machines now.");
  await page.keyboard.press("Escape");
  await api("DELETE", "/users/gus");
});

test("a token is made, shown this once, and revoked", async ({ page }) => {
  await open(page);
  const form = page.getByRole("form", { name: "Make a token" });
  await form.getByLabel("User", { exact: true }).first().fill("nobody");
  await form.getByLabel("Name of the token").fill("ci");
  await page.keyboard.press("Enter");
  await expect(form.getByLabel("User", { exact: true }).first()).toHaveAccessibleDescription(/no user/);
  await form.getByLabel("User", { exact: true }).first().fill("ann");
  await page.keyboard.press("Enter");
  const fresh = page.getByRole("region", { name: "Token ci of ann" });
  const token = (await fresh.getByRole("region", { name: "Token" }).textContent())?.trim() ?? "";
  expect(token).toMatch(/^mm_[\w-]{43}$/);
  await accessible(page);
  const list = () => page.request.get("/available", { headers: { Authorization: `Bearer ${token}` } });
  expect((await list()).status()).toBe(200);
  await fresh.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(token)).toHaveCount(0);
  await page.reload();
  await expect(row(page, "Tokens", "ci")).toContainText("of ann");
  await expect(page.getByText(token)).toHaveCount(0);

  await page.getByRole("button", { name: "Revoke ci of ann" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("refused from now on");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Revoke ci of ann" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Revoke the token" }).click();
  await expect(page.getByText("The token ci of ann was revoked.")).toBeVisible();
  expect((await api("GET", "/tokens")).body.tokens).toEqual([]);
  const refused = await page.context().browser()?.newContext({ ignoreHTTPSErrors: true });
  const answer = await refused?.request.get(`${new URL(page.url()).origin}/available`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(answer?.status()).toBe(401);
  await refused?.close();
});

test("what another admin does is here without a reload", async ({ page }) => {
  await open(page);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await api("POST", "/users", { name: "frank", role: "viewer" });
  await expect(row(page, "Users", "frank")).toContainText("Viewer");
  await api("DELETE", "/users/frank");
  await expect(row(page, "Users", "frank")).toHaveCount(0);
});

test("who isn't an admin sees no link, and the requests behind the page answer 403", async ({ browser }) => {
  for (const name of ["ann", "vic"]) {
    const page = await another(browser, name);
    await page.goto("/ui/users");
    await expect(page.getByText("Only admins manage users and tokens.")).toBeVisible();
    await expect(page.getByRole("link", { name: "Users" })).toHaveCount(0);
    await accessible(page);
    const { csrf } = await (await page.request.get("/session")).json();
    const headers = { "X-CSRF-Token": csrf };
    for (const [method, path, data] of [
      ["GET", "/users", undefined],
      ["POST", "/users", { name: "x" }],
      ["PATCH", `/users/${name}`, { role: "admin" }],
      ["DELETE", "/users/dora", undefined],
      ["GET", "/tokens", undefined],
      ["POST", "/tokens", { user: name, name: "x" }],
      ["DELETE", "/tokens/x", undefined],
    ] as const) {
      const answer = await page.request.fetch(path, { method, headers, ...(data ? { data } : {}) });
      expect([name, method, path, answer.status()]).toEqual([name, method, path, 403]);
    }
    await page.context().close();
  }
});

test("markup and bidi characters are text, wherever they come from", async ({ page }) => {
  const evil = '<img src=x onerror="document.title=1">\u202e';
  await api("POST", "/users", { name: "mallory" });
  await api("POST", "/tokens", { user: "mallory", name: "t" });
  await control("sql", "UPDATE tokens SET name = ?, prefix = '<b>' WHERE name = 't'", evil);
  await control("sql", "UPDATE users SET name = ? WHERE name = 'mallory'", evil);
  await open(page);
  const it = page.getByRole("list", { name: "Users" }).getByRole("listitem").filter({ hasText: evil });
  await expect(it).toContainText("1 token");
  await it.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("dialog")).toContainText(evil);
  await page.keyboard.press("Escape");
  expect(await page.locator("img, .rows b").count()).toBe(0);
  expect(await page.title()).toContain("Users");
  await accessible(page);
  await control("sql", "UPDATE users SET name = 'mallory' WHERE name = ?", evil);
  await api("DELETE", "/users/mallory");
});
