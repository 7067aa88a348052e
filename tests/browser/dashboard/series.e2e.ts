// The page Series: a class every week, with what can't be booked; left out, and ended from one on.
import type { Page } from "@playwright/test";
import { accessible, another, api, control, expect, logIn, test } from "./fixture.ts";

const DAY = 86_400_000;
const date = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
const form = (page: Page) => page.getByRole("form", { name: "Every week" });
const list = (page: Page) => page.getByRole("region", { name: "Existing series" });
const rows = (page: Page) => page.getByRole("list", { name: "Occurrences" }).getByRole("listitem");

// Those of earlier tests, which are over.
test.beforeEach(() => control("sql", "DELETE FROM series"));

async function fillIn(page: Page, first: string, last: string): Promise<void> {
  await form(page).getByLabel("How many").fill("2");
  await form(page).getByLabel("First time").fill(`${first}T13:00`);
  await form(page).getByLabel("Time zone").selectOption("UTC");
  await form(page).getByLabel("Last day").fill(last);
}

test("a series is made, with its conflict shown and left out; one date more is left out; it ends from here on", async ({
  page,
}) => {
  // Everything is booked at its second time.
  const blocked = { username: "other", count: 4, duration: 240, starts_at: `${date(9)}T12:00:00Z` };
  expect((await api("POST", "/reservations", blocked)).status).toBe(202);
  await logIn(page, "ann");
  await page.goto("/ui/series");
  await expect(page.getByText("There are no series yet.")).toBeVisible();
  await fillIn(page, date(2), date(30));
  await expect(form(page).getByLabel("User name")).toHaveValue("ann");
  const conflicts = form(page).getByRole("list", { name: "Conflicts" }).getByRole("listitem");
  await expect(form(page)).toContainText("4 can be booked now, 1 conflict");
  await expect(conflicts).toContainText("2 requested, 0 free at that time");
  await expect(conflicts.locator("time")).toHaveCount(3);
  await accessible(page);
  // As it is, it is refused, and nothing is lost.
  await form(page).getByRole("button", { name: "Make the series" }).click();
  await expect(form(page).getByRole("alert")).toContainText("1 of 5 occurrences can't be booked");
  await conflicts.getByRole("button", { name: /^Leave out/ }).click();
  await expect(form(page)).toContainText("All 4 occurrences can be booked now");
  await expect(form(page).getByRole("list", { name: "Dates left out" }).getByRole("listitem")).toHaveCount(1);
  await form(page).getByRole("button", { name: "Make the series" }).click();

  await expect(page.getByText("The series is made, and 4 occurrences are booked.")).toBeVisible();
  await expect(list(page)).toContainText("at 13:00");
  await expect(list(page)).toContainText("Next:");
  await expect(rows(page)).toHaveCount(4);
  await accessible(page);
  await rows(page)
    .nth(1)
    .getByRole("button", { name: /^Leave out/ })
    .click();
  await expect(page.getByRole("dialog")).toContainText("ann gets no machines that time");
  await page.getByRole("button", { name: "Leave it out" }).click();
  await expect(rows(page)).toHaveCount(3);
  await rows(page)
    .nth(1)
    .getByRole("button", { name: /^End from here on/ })
    .click();
  await expect(page.getByRole("dialog")).toContainText("2 booked occurrences are given up for ann");
  await accessible(page);
  await page.getByRole("button", { name: "End it" }).click();
  await expect(rows(page)).toHaveCount(1);
  const booked = await control(
    "sql",
    "SELECT COUNT(*) AS n FROM reservations WHERE username = 'ann' AND state = 'booked'",
  );
  expect(Number(booked[0].n)).toBe(1);
  await list(page).getByRole("button", { name: "End the series" }).click();
  await page.getByRole("button", { name: "End it" }).click();
  await expect(list(page)).toContainText("Ended");
  await expect(list(page).getByRole("listitem").getByRole("button")).toHaveCount(0);
  await expect(page.getByText("The series is ended.")).toBeVisible();
});

test("what is wrong is said beside its field", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/series");
  await fillIn(page, date(2), date(30));
  await form(page).getByLabel("Minutes").fill("0");
  await form(page).getByRole("button", { name: "Make the series" }).click();
  await expect(form(page).getByLabel("Minutes")).toBeFocused();
  await expect(form(page).getByLabel("Minutes")).toHaveAttribute("aria-invalid", "true");
  await form(page).getByLabel("Minutes").fill("60");
  await form(page).getByLabel("Last day").fill("");
  await form(page).getByRole("button", { name: "Make the series" }).click();
  await expect(form(page).getByLabel("Last day")).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
});

test("what was typed is kept when the session is over, without the password", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/series");
  await form(page).getByLabel("How many").fill("3");
  await form(page).getByLabel("My own password").check();
  await form(page).getByLabel("Password", { exact: true }).fill("a secret of mine");
  await form(page).getByLabel("Last day").fill(date(20));
  await page.context().clearCookies();
  // Unless the page has noticed before.
  await form(page)
    .getByLabel("First time")
    .fill(`${date(2)}T13:00`, { timeout: 3000 })
    .catch(() => {});
  await expect(page).toHaveURL(/\/login\?to=\/ui\/series$/);
  await page.waitForLoadState();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain("a secret of mine");
  await logIn(page, "ann");
  await page.goto("/ui/series");
  await expect(form(page).getByLabel("How many")).toHaveValue("3");
  await expect(form(page).getByLabel("Last day")).toHaveValue(date(20));
  await expect(form(page).getByLabel("Password", { exact: true })).toHaveValue("");
});

test("by keyboard alone, several days a week, by number of times", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/series");
  await fillIn(page, date(2), date(30));
  const tick = async (name: string) => {
    await form(page).getByRole("checkbox", { name }).focus();
    await page.keyboard.press("Space");
  };
  await tick("Monday");
  await tick("Thursday");
  await form(page).getByRole("radio", { name: "On a day" }).focus();
  await page.keyboard.press("ArrowDown");
  await form(page).getByLabel("How many times").fill("6");
  await expect(form(page)).toContainText("All 6 occurrences can be booked now");
  await page.keyboard.press("Enter");
  await expect(list(page)).toContainText("Every Monday and Thursday at 13:00");
  await expect(rows(page)).toHaveCount(6);
  await rows(page).last().getByRole("button", { name: /^End/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(rows(page).last().getByRole("button", { name: /^End/ })).toBeFocused();
});

test("a viewer sees them, and changes nothing; another user doesn't; in French", async ({
  page,
  browser,
}) => {
  const made = await api("POST", "/series", {
    username: "class",
    rrule: "FREQ=WEEKLY;COUNT=3",
    starts_at: `${date(2)}T13:00`,
    time_zone: "Europe/Paris",
  });
  expect(made.status).toBe(201);
  await logIn(page, "vic");
  await page.goto("/ui/series");
  await list(page).getByText("Occurrences").click();
  await expect(rows(page)).toHaveCount(3);
  await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
  const ann = await another(browser, "ann", "fr-FR");
  await ann.goto("/ui/series");
  await expect(ann.getByText("Il n'y a pas encore de séries.")).toBeVisible();
  await expect(ann.getByRole("form", { name: "Chaque semaine" })).toBeVisible();
  await accessible(ann);
  await ann.context().close();
});
