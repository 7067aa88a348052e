// The page Timeline: by pointer, by keyboard alone, in two browsers, and with ten thousand machines.
import type { Page } from "@playwright/test";
import { accessible, another, api, control, expect, logIn, test, timed } from "./fixture.ts";

const grid = (page: Page) => page.getByRole("grid", { name: "Timeline" });
const bar = (page: Page, name: RegExp) => grid(page).getByRole("gridcell", { name });

async function open(page: Page, who: string): Promise<void> {
  await logIn(page, who);
  await page.goto("/ui/timeline");
  await expect(grid(page).getByRole("rowheader", { name: /^lab-1/ })).toBeVisible();
}

/** The middle of a cell of the day that is shown. @param hour of the day; .25 is in its first half hour */
async function cell(page: Page, machine: string, hour: number) {
  const head = await grid(page)
    .getByRole("columnheader", { name: /^00:00/ })
    .boundingBox();
  const next = await grid(page)
    .getByRole("columnheader", { name: /^01:00/ })
    .boundingBox();
  const row = await grid(page)
    .getByRole("rowheader", { name: new RegExp(`^${machine},`) })
    .boundingBox();
  if (!head || !next || !row) throw new Error("no such cell");
  return { x: head.x + (next.x - head.x) * hour, y: row.y + row.height / 2 };
}

test("a class is booked by dragging over several machines, and released at its bar", async ({ page }) => {
  await open(page, "ann");
  await page.getByRole("button", { name: "Next day" }).click();
  const [from, to] = [await cell(page, "lab-2", 10.25), await cell(page, "lab-4", 10.75)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await page.mouse.up();
  const form = page.getByRole("form", { name: "Reserve machines" });
  await expect(form.getByRole("group", { name: "Machines" }).getByRole("listitem")).toHaveText([
    /lab-2/,
    /lab-3/,
    /lab-4/,
  ]);
  await expect(form.getByLabel("How many")).toHaveValue("3");
  await expect(form.getByLabel("Minutes")).toHaveValue("60");
  await expect(form.getByLabel("Start")).toHaveValue(/T10:00$/);
  await expect(form).toContainText("3 match, possible at");
  await accessible(page);
  await form.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByText("3 machines are booked.")).toBeVisible();
  for (const machine of ["lab-2", "lab-3", "lab-4"])
    await expect(bar(page, new RegExp(`^ann: Booked, ${machine}, .* 10:00 to .* 11:00$`))).toBeVisible();
  const [{ id }] = await control("sql", "SELECT id FROM reservations WHERE ended_at IS NULL");
  const { state, machines } = (await api("GET", `/reservations/${id}`)).body;
  expect([state, machines.length]).toEqual(["booked", 3]);

  await bar(page, /^ann: Booked, lab-3/).click();
  const sheet = page.getByRole("dialog", { name: "ann" });
  await expect(sheet).toContainText("lab-3");
  await expect(sheet.getByRole("button", { name: "Extend" })).toHaveCount(0);
  await sheet.getByRole("button", { name: "Release" }).click();
  await page.getByRole("button", { name: "Release now" }).click();
  await expect(bar(page, /^ann/)).toHaveCount(0);
  expect((await api("GET", `/reservations/${id}`)).body.state).toBe("ended");
});

test("by keyboard alone: to a free cell, select, reserve, to the bar, extend, release", async ({ page }) => {
  // What other tests had just now would be one bar with what this one has.
  await control("sql", "DELETE FROM holds WHERE released_at IS NOT NULL");
  await open(page, "ann");
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  await page.getByRole("radio", { name: "Day" }).focus();
  await page.keyboard.press("Tab");
  // Where it begins is now, on the first machine.
  expect(await focused()).toMatch(/^lab-1, .* free$/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  expect(await focused()).toMatch(/^lab-2, .*23:30/);
  await page.keyboard.press("Control+Home");
  expect(await focused()).toMatch(/^lab-1, .*00:00/);
  await page.keyboard.press("PageDown");
  expect(await focused()).toMatch(/^lab-4, .*00:00/);
  // Two machines, now: the cursor goes back to where the time is.
  await page.getByRole("button", { name: "Next day" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "Day" }).focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+Home");
  for (const key of ["ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"])
    await page.keyboard.press(key);
  await expect(page.getByRole("status").filter({ hasText: /^2 machines, .* 01:00 to .* 02:00/ })).toHaveCount(
    1,
  );
  await page.keyboard.press("Escape");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Enter");
  const form = page.getByRole("form", { name: "Reserve machines" });
  await expect(form.getByLabel("Minutes")).toHaveValue("30");
  await expect(form.getByLabel("User name")).toBeFocused();
  await form.getByLabel("Start").focus();
  await page.keyboard.press("Escape");
  await expect(form).toHaveCount(0);
  // The focus is where it was.
  await expect.poll(focused).toMatch(/^lab-1, .* 01:00 to .*, free$/);

  // A reservation of now, from elsewhere.
  const made = await page.request.post("/reservations", {
    data: { username: "ann", machines: ["lab-2"], duration: 30 },
    headers: { "X-CSRF-Token": (await (await page.request.get("/session")).json()).csrf },
  });
  expect(made.status()).toBe(201);
  await page.getByRole("button", { name: "Today" }).focus();
  await page.keyboard.press("Enter");
  await expect(bar(page, /^ann: Held, lab-2/)).toBeVisible();
  await page.getByRole("radio", { name: "Day" }).focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  for (let n = 0; n < 50 && !(await focused()).startsWith("ann: Held"); n++)
    await page.keyboard.press("ArrowLeft");
  expect(await focused()).toMatch(/^ann: Held, lab-2/);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Extend" }).press("Enter");
  await page.getByLabel("Minutes more").fill("10");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const [row] = (await api("GET", "/reservations")).body.reservations;
  expect(Date.parse(row.ends_at) - Date.parse(row.starts_at)).toBe(40 * 60_000);
  await bar(page, /^ann: Held, lab-2/).press("Enter");
  await page.getByRole("button", { name: "Release" }).press("Enter");
  await page.getByRole("button", { name: "Release now" }).press("Enter");
  await expect.poll(async () => (await api("GET", "/reservations")).body.reservations).toEqual([]);
});

test("what another browser changes appears without a reload; whose it is, only admins see", async ({
  page,
  browser,
}) => {
  await open(page, "vic");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const dora = await another(browser, "dora");
  await dora.goto("/ui/timeline");
  await expect(dora.getByText("Live", { exact: true })).toBeVisible();
  for (const one of [page, dora]) await one.getByRole("button", { name: "Next day" }).click();
  const starts_at = `${new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 10)}T10:00:00Z`;
  await api("POST", "/reservations", { username: "ben", machines: ["lab-3"], duration: 60, starts_at });
  await timed("a booking is on the timeline of two browsers", async () => {
    await expect(bar(dora, /^ben: Booked, lab-3/)).toHaveCount(1);
    await expect(bar(page, /^somebody else: Booked, lab-3/)).toHaveCount(1);
  });
  await expect(bar(page, /ben/)).toHaveCount(0);
  await bar(page, /^somebody else: Booked, lab-3/).press("Enter");
  const sheet = page.getByRole("dialog", { name: "somebody else" });
  await expect(sheet).toContainText("Only admins see");
  await expect(sheet.getByRole("button", { name: /Extend|Release/ })).toHaveCount(0);
  await page.keyboard.press("Escape");
  // A viewer who drags is told why nothing opens.
  const { x, y } = await cell(page, "lab-1", 23.75);
  await page.mouse.click(x, y);
  await expect(page.getByRole("alert")).toContainText("Your role may look");
  await dora.context().close();
});

test.describe("an API that fails for a while", () => {
  test.use({ expected: /status of 503|status of 401/ });

  test("the page says so, keeps its rows, and loads what they have by itself", async ({ page }) => {
    await logIn(page, "ann");
    let isDown = true;
    const words = JSON.stringify({ error: "The database is not responding", code: "database_unavailable" });
    await page.route("**/calendar?*", (route) =>
      isDown
        ? route.fulfill({ status: 503, contentType: "application/json", body: words })
        : route.fallback(),
    );
    await page.goto("/ui/timeline");
    await expect(page.getByRole("alert")).toContainText("The database is not responding");
    await expect(grid(page).getByRole("rowheader", { name: /^lab-4,/ })).toBeVisible();
    isDown = false;
    await expect(grid(page).locator('[aria-busy="true"]')).toHaveCount(0);
    await expect(page.getByRole("alert")).toHaveCount(0);
  });
});

const MANY = 10_000;
test.describe("ten thousand machines", () => {
  test.beforeAll(async () => {
    await control(
      "sql",
      `INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, state, since,
        generation, last_used_at, probed_at, swept_at, sweep_at, created_at, drained)
       SELECT CONCAT('many-', seq), CONCAT('many-', LPAD(seq, 5, '0')), '192.0.2.1', '192.0.2.1', seq, 'root',
        'pool_key', '', '{}', 'available', '2026-01-01', 1, '2026-01-01', '2099-01-01', '2099-01-01', '2099-01-01',
        '2026-01-01', 1 FROM seq_1_to_${MANY}`,
    );
  });
  test.afterAll(async () => {
    await control("sql", "DELETE FROM machines WHERE id LIKE 'many-%'");
  });

  test("they scroll, and few of them are drawn", async ({ page }) => {
    await open(page, "dora");
    await expect(grid(page)).toHaveAttribute("aria-rowcount", String(MANY + 4 + 1));
    await grid(page).evaluate((place) => place.scrollIntoView());
    const nodes = () => grid(page).evaluate((place) => place.querySelectorAll("*").length);
    const scrollTo = (part: number) =>
      grid(page).evaluate((place, at) => {
        place.scrollTop = at * place.scrollHeight;
      }, part);
    for (const [part, name] of [
      [0.5, /^many-05005,/],
      [1, /^many-10000,/],
      [0, /^lab-1,/],
    ] as const) {
      await scrollTo(part);
      const row = grid(page).getByRole("rowheader", { name }).first();
      await expect(row).toBeInViewport();
      await expect(grid(page).locator('[aria-busy="true"]')).toHaveCount(0);
      expect(await nodes()).toBeLessThan(800);
    }
    // The keyboard reaches the last one, too, and the filter finds any.
    await grid(page).getByRole("gridcell").first().focus();
    await page.keyboard.press("Control+End");
    await expect(grid(page).getByRole("gridcell", { name: /^many-10000,/ })).toBeFocused();
    await page.getByLabel("Name contains").fill("many-04321");
    await expect(grid(page)).toHaveAttribute("aria-rowcount", "2");
    await page.getByLabel("Name contains").fill("none of them");
    await expect(page.getByText("No machine matches the filter.")).toBeVisible();
    await accessible(page);
  });
});
