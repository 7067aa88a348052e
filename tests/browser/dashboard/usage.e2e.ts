// The page Usage: what was used, in pictures with their tables, and as a file.
import { readFileSync } from "node:fs";
import { accessible, api, control, expect, logIn, test } from "./fixture.ts";

test.use({ expected: /^Failed to load resource: the server responded with a status of 40[013]/ });

/** Somebody has had a machine for two hours, until an hour ago. */
async function use(): Promise<void> {
  const { body } = await api("POST", "/reservations", { username: "eva", duration: 300 });
  await api("DELETE", `/reservations/${body.id}`);
  const times = (table: string, columns: Record<string, number>) =>
    control(
      "sql",
      `UPDATE ${table} SET ${Object.entries(columns)
        .map(([name, minutes]) => `${name} = ${name} - INTERVAL ${minutes} MINUTE`)
        .join(", ")} WHERE ${table === "holds" ? "reservation_id" : "id"} = '${body.id}'`,
    );
  await times("reservations", { created_at: 180, starts_at: 180, ends_at: 60, ended_at: 60 });
  await times("holds", { claimed_at: 180, confirmed_at: 180, ending_at: 60, released_at: 60 });
}

test("an admin sees who used what, in charts with tables behind them, and downloads it", async ({ page }) => {
  await control("sql", "UPDATE machines SET labels = '{\"gpu\": \"a100\"}' WHERE name = 'lab-1'");
  await use();
  await logIn(page, "dora");
  await page.goto("/ui/");
  await page.getByRole("link", { name: "Usage" }).click();
  await expect(page).toHaveTitle(/^Usage/);
  const users = page.getByRole("region", { name: "By user" });
  await expect(users.getByRole("row", { name: /^eva/ })).toContainText("2");
  for (const title of ["Use of the pool", "Waits", "Removal of accounts"]) {
    const figure = page.getByRole("figure", { name: title });
    await expect(figure.getByRole("img", { name: new RegExp(title) })).toBeVisible();
    await expect(figure.locator("canvas")).toHaveCount(1);
    await figure.getByText("Show as a table").click();
    await expect(figure.getByRole("row")).toHaveCount(31);
  }
  await expect(page.getByRole("region", { name: "By label" })).toContainText("gpu");
  await accessible(page);

  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("figure", { name: "Waits" }).getByRole("row")).toHaveCount(8);
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download CSV by day" }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(/^usage-by-day-.*\.csv$/);
  const lines = readFileSync(await file.path(), "utf8")
    .trimEnd()
    .split("\r\n");
  expect(lines).toHaveLength(8);
  expect(lines[0]).toMatch(/^day,machine_hours,/);

  await page.getByLabel("From").fill("2020-01-01");
  await expect(page.getByText(/at most 366 days before/)).toBeVisible();
  await expect(page.getByLabel("From")).toHaveValue("2020-01-01");
  await control("sql", "UPDATE machines SET labels = '{}'");
});

test("with nothing in the range it says so; who is no admin learns nothing", async ({ page }) => {
  await logIn(page, "dora");
  await page.goto("/ui/usage");
  await page.getByLabel("From").fill("2025-01-01");
  await page.getByLabel("To").fill("2025-01-02");
  await expect(page.getByText("Nothing happened in this time.").first()).toBeVisible();
  await accessible(page);
  await logIn(page, "vic");
  await page.goto("/ui/usage");
  await expect(page.getByRole("alert")).toContainText("requires the role 'admin'");
  await expect(page.getByRole("link", { name: "Usage" })).toHaveCount(0);
});
