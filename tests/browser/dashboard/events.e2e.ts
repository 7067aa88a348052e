// The page Events: live, without moving under somebody who reads; filtered; as a file.
import { readFileSync } from "node:fs";
import { accessible, api, control, expect, logIn, test, timed } from "./fixture.ts";

test.use({ expected: /^Failed to load resource: the server responded with a status of 40[013]/ });

const EVIL = "<img src=x onerror=alert(1)>\u202e=1+1";
const make = (object: string, action = "user.changed") =>
  control(
    "sql",
    "INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES (UTC_TIMESTAMP(3), 'somebody', '10.0.0.7', 'r-1', ?, ?, '{\"role\": \"viewer\"}')",
    action,
    object,
  );

test("what happens is at the top at once; whoever reads is not moved", async ({ page }) => {
  await logIn(page, "dora");
  await page.goto("/ui/");
  await page.getByRole("link", { name: "Events" }).click();
  const rows = page.getByRole("list", { name: "Events" }).getByRole("listitem");
  await expect(rows.first()).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await api("PATCH", "/machines/lab-1", { labels: { seen: "true" } });
  await timed("a change is in the list of events", () =>
    expect(rows.first()).toContainText("Machine changed lab-1"),
  );
  await expect(rows.first()).toContainText("by open");

  await rows.first().getByRole("button", { name: "Details" }).click();
  await expect(rows.first()).toContainText("machine.changed");
  const before = (await rows.first().boundingBox())?.y;
  await make(EVIL);
  const fresh = page.getByRole("button", { name: /^Show .* new events?$/ });
  await expect(fresh).toBeVisible();
  await expect(rows.first()).toContainText("lab-1");
  await page.evaluate(() => scrollTo(0, 0));
  await expect.poll(async () => (await rows.first().boundingBox())?.y).toBeCloseTo(before ?? 0, 0);
  await accessible(page);
  await fresh.click();
  await expect(rows.first()).toContainText(EVIL);
  expect(await page.locator("main img").count()).toBe(0);
  await api("PATCH", "/machines/lab-1", { labels: {} });
});

test("what waits while somebody reads is shown with the next one after that; of many, none is left out", async ({
  page,
}) => {
  await logIn(page, "dora");
  await page.goto("/ui/events");
  const rows = page.getByRole("list", { name: "Events" }).getByRole("listitem");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await make("before");
  await expect(rows.first()).toContainText("before");
  const details = rows.first().getByRole("button", { name: "Details" });
  const fresh = page.getByRole("button", { name: /^Show .* new events?$/ });
  await details.click();
  await make("meanwhile");
  await expect(fresh).toBeVisible();
  await details.click();
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await make("after");
  await expect(rows.first()).toContainText("after");
  await expect(rows.nth(1)).toContainText("meanwhile");
  await expect(fresh).toHaveCount(0);

  await rows.first().getByRole("button", { name: "Details" }).click();
  await control(
    "sql",
    "INSERT INTO events (at, actor, address, request_id, action, object, details) SELECT UTC_TIMESTAMP(3), 'filler', '', '', 'token.created', CONCAT('n-', seq), '{}' FROM seq_1_to_150",
  );
  await expect(fresh).toBeVisible();
  await fresh.click();
  await expect(rows.first()).toContainText("n-150");
  await page.getByRole("button", { name: "Show older ones" }).click();
  for (const name of ["n-1", "after"]) await expect(page.getByText(name, { exact: true })).toBeVisible();
});

test("by filter and pages, and all of it as a file", async ({ page }) => {
  const many = `many-${Date.now()}`;
  await control(
    "sql",
    "INSERT INTO events (at, actor, address, request_id, action, object, details) SELECT UTC_TIMESTAMP(3), 'filler', '', '', 'token.created', ?, '{}' FROM seq_1_to_250",
    many,
  );
  await make(EVIL, "user.created");
  await logIn(page, "dora");
  await page.goto("/ui/events");
  const rows = page.getByRole("list", { name: "Events" }).getByRole("listitem");
  await page.getByLabel("Action").selectOption("token.created");
  await page.getByLabel("Object").fill(many);
  await expect(rows.filter({ hasText: `Token made ${many}` })).toHaveCount(100);
  // A click while a page is still being loaded does nothing.
  const older = page.getByRole("button", { name: "Show older ones" });
  await expect(async () => {
    if ((await rows.count()) < 250) await older.click({ timeout: 1000 });
    await expect(rows).toHaveCount(250, { timeout: 1000 });
  }).toPass({ timeout: 60_000 });
  await expect(page.getByText("There are no older ones.")).toBeVisible();
  const [jsonl] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download: JSON lines" }).click(),
  ]);
  const lines = readFileSync(await jsonl.path(), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line).object)).toEqual(Array(250).fill(many));

  await page.getByRole("button", { name: "Clear the filter" }).click();
  await page
    .getByRole("button", { name: `Only events about ${EVIL}` })
    .first()
    .click();
  await expect(page.getByLabel("Object")).toHaveValue(EVIL);
  const [csv] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download: CSV" }).click(),
  ]);
  expect(readFileSync(await csv.path(), "utf8")).toContain(EVIL);
  await page.getByLabel("Object").fill("nothing of that name");
  await expect(page.getByText("No event matches the filter.")).toBeVisible();
  await accessible(page);
  await page.getByLabel("Object").fill("");
  await page.getByLabel("From").fill("2026-01-02T00:00");
  await page.getByLabel("Before").fill("2026-01-01T00:00");
  await expect(
    page.getByText("to: must be after `from`").or(page.getByText("must be after `from`")).first(),
  ).toBeVisible();
});

test("who is no admin sees none", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/events");
  await expect(page.getByRole("alert")).toContainText("requires the role 'admin'");
});
