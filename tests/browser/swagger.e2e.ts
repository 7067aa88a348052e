// Swagger UI as a person sees it, with every other origin blocked.
import { expect, type Locator, type Page, test } from "@playwright/test";

const TOKEN = process.env.TOKEN ?? "";
let elsewhere: string[];
let complaints: string[];

test.beforeEach(async ({ page, baseURL }) => {
  elsewhere = [];
  complaints = [];
  const origin = new URL(baseURL as string).origin;
  await page.context().route("**/*", (route) => {
    const url = route.request().url();
    if (new URL(url).origin === origin) return route.continue();
    elsewhere.push(url);
    return route.abort();
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
  // What the Content-Security-Policy forbids never becomes a request: the page is told of it by this event.
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  const answer = await page.goto("/swagger");
  expect(answer?.status()).toBe(200);
  expect(answer?.headers()["content-security-policy"]).toContain("script-src 'self';");
  await expect(page.locator(".opblock").first()).toBeVisible();
});

test.afterEach(() => {
  expect(elsewhere).toEqual([]);
  // The browser reports every answer of 400 and above on its console.
  const expected = /^Failed to load resource: the server responded with a status of 40[019]/;
  expect(complaints.filter((text) => !expected.test(text))).toEqual([]);
});

/** Opens one operation and its form. */
async function tryOut(page: Page, id: string): Promise<Locator> {
  const block = page.locator(`.opblock[id$="-${id}"]`);
  await block.locator(".opblock-summary").click();
  await block.getByRole("button", { name: "Try it out" }).click();
  return block;
}

async function execute(block: Locator): Promise<{ status: string | null; body: unknown }> {
  await block.getByRole("button", { name: "Execute" }).click();
  const answer = block.locator(".live-responses-table");
  const body = await answer.locator(".response-col_description .microlight").first().textContent();
  return {
    status: await answer.locator(".response-col_status").last().textContent(),
    body: JSON.parse(body ?? ""),
  };
}

async function authorize(page: Page) {
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(TOKEN);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
}

test("shows every operation, its errors and its icon", async ({ page, request }) => {
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

test("GET /available: 401 without the token, the pool with it", async ({ page }) => {
  const block = await tryOut(page, "getAvailable");
  expect(await execute(block)).toMatchObject({ status: "401", body: { code: "unauthorized" } });
  await authorize(page);
  await expect(async () => {
    expect(await execute(block)).toEqual({
      status: "200",
      body: { available: [], reserved: [], unavailable: ["alpine-1"] },
    });
  }).toPass();
});

test("POST /reservations with the body that is filled in: our 409", async ({ page }) => {
  await authorize(page);
  expect(await execute(await tryOut(page, "postReservations"))).toMatchObject({
    status: "409",
    body: { code: "not_enough_machines" },
  });
});

test("POST /machines with a bad body shows our 400, which names the field", async ({ page }) => {
  await authorize(page);
  const block = await tryOut(page, "postMachines");
  await block.locator("textarea").fill('{"name":"alpine-2","host":"127.0.0.1","port":70000,"password":"x"}');
  expect(await execute(block)).toMatchObject({
    status: "400",
    body: { code: "invalid_request", details: [{ field: "port" }] },
  });
});
