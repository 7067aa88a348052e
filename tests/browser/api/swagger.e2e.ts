// Swagger UI as a person sees it, with every other origin blocked.
import { expect, type Page, test } from "@playwright/test";
import { execute, tryOut, watch } from "../page.ts";

const TOKEN = process.env.TOKEN ?? "";
let complaints: () => string[];

test.beforeEach(async ({ page, baseURL }) => {
  complaints = await watch(page, baseURL as string);
  // Without a session, you are redirected to the login page (login.e2e.ts). Its cookie only goes with the page's requests.
  const login = await page.request.post("/session", { data: { token: TOKEN } });
  expect(login.status()).toBe(201);
  const answer = await page.goto("/swagger");
  expect(answer?.status()).toBe(200);
  expect(answer?.headers()["content-security-policy"]).toContain("script-src 'self';");
  await expect(page.locator(".opblock").first()).toBeVisible();
});

test.afterEach(() => {
  expect(complaints()).toEqual([]);
});

async function authorize(page: Page) {
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(TOKEN);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
}

test("shows every operation, its errors and its icon", async ({ page }) => {
  const { request } = page;
  const { paths } = await (await request.get("/swagger/json")).json();
  const described = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const shown = await page.locator(".opblock-summary").evaluateAll((all) =>
    all.map((one) => {
      const method = one.querySelector(".opblock-summary-method")?.textContent;
      return `${method} ${one.querySelector("[data-path]")?.getAttribute("data-path")}`;
    }),
  );
  expect(shown.sort()).toEqual(described.sort());
  expect((await request.get("/swagger/favicon-32x32.png")).headers()["content-type"]).toBe("image/png");
});

test("GET /available: 401 without session and token, the pool with the token", async ({ page }) => {
  await page.context().clearCookies();
  const block = await tryOut(page, "listAvailable");
  expect(await execute(block)).toMatchObject({ status: "401", body: { code: "unauthorized" } });
  await authorize(page);
  await expect(async () => {
    expect(await execute(block)).toMatchObject({
      status: "200",
      body: { available: [], reserved: [], unavailable: ["alpine-1"] },
    });
  }).toPass();
});

test("POST /reservations with the prefilled body: our 409", async ({ page }) => {
  await authorize(page);
  expect(await execute(await tryOut(page, "createReservation"))).toMatchObject({
    status: "409",
    body: { code: "not_enough_machines" },
  });
});

test("POST /machines with a bad body shows our 400, which names the field", async ({ page }) => {
  await authorize(page);
  const block = await tryOut(page, "registerMachine");
  await block.locator("textarea").fill('{"name":"alpine-2","host":"127.0.0.1","port":70000,"password":"x"}');
  expect(await execute(block)).toMatchObject({
    status: "400",
    body: { code: "invalid_request", details: [{ field: "port" }] },
  });
});
