// The page Reservations: what one has, waits for and had; extended, released in part and whole, with the proof.
import { readFileSync } from "node:fs";
import { type Page, request } from "@playwright/test";
import { accessible, another, api, control, expect, logIn, PASSWORD, SITE, test } from "./fixture.ts";

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const now = (page: Page) => region(page, "Now").getByRole("article");
const coming = (page: Page) => region(page, "Waiting and booked").getByRole("article");
const over = (page: Page) => region(page, "Over").getByRole("article");

/** As that user, beside the browser. */
async function as(name: string) {
  const context = await request.newContext({ baseURL: SITE, ignoreHTTPSErrors: true });
  const { csrf } = await (
    await context.post("/session", { data: { user: name, password: PASSWORD } })
  ).json();
  return async (path: string, data: unknown) => {
    const answer = await context.post(path, { data, headers: { "X-CSRF-Token": csrf } });
    return answer.json();
  };
}

async function open(page: Page, who: string): Promise<void> {
  await logIn(page, who);
  await page.goto("/ui/reservations");
  await expect(page.getByRole("heading", { name: "Reservations" })).toBeVisible();
}

test("reserve, extend with the longest end shown, release one machine, then all; the proof is in the history", async ({
  page,
}) => {
  await control("sql", "DELETE FROM reservations WHERE ended_at IS NOT NULL");
  await logIn(page, "ann");
  await page.goto("/ui/");
  await page.getByLabel("How many").fill("2");
  await page.getByLabel("Minutes").fill("20");
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByRole("region", { name: "Your machines" })).toContainText("Ready");
  await page.getByRole("link", { name: "Reservations" }).click();
  await expect(now(page)).toContainText(/1[5-9] minutes left/);
  await accessible(page);
  // Others have booked all machines in two hours.
  const startsAt = new Date(Date.now() + 7_200_000).toISOString();
  await api("POST", "/reservations", { username: "later", count: 4, duration: 30, starts_at: startsAt });

  await now(page).getByRole("button", { name: "Extend" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Possible until");
  await expect(dialog).toContainText("is booked from");
  await accessible(page);
  await dialog.getByLabel("Minutes more").fill("600");
  await dialog.getByRole("button", { name: "Extend it" }).click();
  await expect(dialog).toContainText("at the longest");
  await dialog.getByRole("button", { name: "As long as possible" }).click();
  expect(Number(await dialog.getByLabel("Minutes more").inputValue())).toBeGreaterThan(90);
  await dialog.getByLabel("Minutes more").fill("15");
  await dialog.getByRole("button", { name: "Extend it" }).click();
  await expect(now(page)).toContainText(/3[0-4] minutes left/);

  const [{ machines }] = (await api("GET", "/reservations?state=active")).body.reservations;
  const names = machines.map(({ machine }: { machine: string }) => machine);
  await now(page).getByRole("button", { name: "Release" }).click();
  await expect(dialog).toContainText("The reservation ends.");
  await dialog.getByRole("checkbox", { name: names[0] }).uncheck();
  await expect(dialog).toContainText(`are removed from ${names[1]} at once`);
  await expect(dialog).toContainText("goes on with 1 machine");
  await accessible(page);
  await dialog.getByRole("button", { name: "Release now" }).click();
  await expect(now(page).getByText(names[1], { exact: true })).toHaveCount(0);
  await expect(now(page).getByText(names[0], { exact: true })).toBeVisible();

  await now(page).getByRole("button", { name: "Release" }).click();
  await dialog.getByRole("button", { name: "Release now" }).click();
  await expect(now(page)).toHaveCount(0);
  await expect(page.getByText("You have no machines at the moment.")).toBeVisible();
  await over(page).getByText("Proof of removal").click();
  await expect(over(page)).toContainText("It was proved that nothing is left on 2 machines.");
  await expect(over(page).getByRole("row", { name: new RegExp(names[0]) })).toContainText("CLEAN ann");
  await accessible(page);
  const download = page.waitForEvent("download");
  await over(page).getByRole("link", { name: "Download as JSON" }).click();
  const proof = JSON.parse(readFileSync(await (await download).path(), "utf8"));
  expect(proof.machines.map(({ machine }: { machine: string }) => machine).sort()).toEqual(names.sort());
  await expect(over(page).locator("header time")).toHaveCount(2);

  // A booking that is given up never began, whatever was planned.
  const ann = await as("ann");
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const { id } = await ann("/reservations", { username: "ann", duration: 30, starts_at: tomorrow });
  await api("DELETE", `/reservations/${id}`);
  await expect(over(page).first()).toContainText("never started");
});

test("a place in the queue counts down and becomes a machine, with its password in the tab that made it alone", async ({
  page,
  browser,
}) => {
  const ben = await as("ben");
  const { id } = await ben("/reservations", { username: "ben", count: 4, duration: 4 });
  await logIn(page, "ann");
  await page.goto("/ui/");
  await page.getByLabel("Wait if none is free").check();
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByRole("region", { name: "Your machines" })).toContainText("Place 1 in the queue");
  const other = await another(browser, "ann");
  await other.goto("/ui/reservations");
  await expect(coming(other)).toContainText("Place 1 in the queue");
  await page.getByRole("link", { name: "Reservations" }).click();
  // The last minutes are said with their seconds.
  const seconds = async () => {
    const said = (await coming(page).locator("time.left").textContent()) ?? "";
    const part = (unit: string) => Number(new RegExp(`(\\d+) ${unit}`).exec(said)?.[1] ?? 0);
    return part("minute") * 60 + part("second");
  };
  const first = await seconds();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(300);
  await expect.poll(seconds).toBeLessThan(first);
  await api("DELETE", `/reservations/${id}`);
  await expect(now(page)).toContainText("Ready");
  await expect(coming(page)).toHaveCount(0);
  await now(page).getByText("How to log in").click();
  const shown = now(page).getByRole("region", { name: /^Password/ });
  await expect(shown).toHaveText(/.{10}/);

  await expect(now(other)).toContainText("Ready");
  await now(other).getByText("How to log in").click();
  await now(other).getByRole("button", { name: "Show the password" }).click();
  await expect(now(other)).toContainText("There is none to show");
  const line =
    (await now(page)
      .getByRole("region", { name: /^Log in/ })
      .textContent()) ?? "";
  const [, port = ""] = /-p (\d+)/.exec(line) ?? [];
  expect(await control("ssh", port, "ann", (await shown.textContent()) ?? "", "id -un")).toBe("ann");
  await other.context().close();
});

test("a password that nobody was told yet is told to who asks for it", async ({ page }) => {
  const ann = await as("ann");
  const ben = await as("ben");
  const { id } = await ben("/reservations", { username: "ben", count: 4, duration: 30 });
  await ann("/reservations", { username: "ann", duration: 30, wait: 60 });
  await api("DELETE", `/reservations/${id}`);
  await open(page, "ann");
  await expect(now(page)).toContainText("Ready");
  await now(page).getByText("How to log in").click();
  await now(page).getByRole("button", { name: "Show the password" }).click();
  await expect(now(page).getByRole("region", { name: /^Password/ })).toHaveText(/.{10}/);
});

test("admins see everybody's, users their own, and viewers change nothing", async ({ page, browser }) => {
  await (await as("ben"))("/reservations", { username: "ben", duration: 30 });
  await open(page, "dora");
  await expect(page.getByText("You have no machines at the moment.")).toBeVisible();
  await page.getByLabel("Everybody's").check();
  await expect(now(page)).toContainText("ben");
  await expect(now(page).getByRole("button")).toHaveText(["Extend", "Release"]);
  await accessible(page);
  const ann = await another(browser, "ann");
  await ann.goto("/ui/reservations");
  await expect(ann.getByText("You have no machines at the moment.")).toBeVisible();
  const vic = await another(browser, "vic");
  await vic.goto("/ui/reservations");
  await expect(now(vic)).toContainText("ben");
  await expect(now(vic).getByRole("button")).toHaveCount(0);
  for (const one of [ann, vic]) await one.context().close();
});

test("by keyboard alone", async ({ page }) => {
  await (await as("ann"))("/reservations", { username: "ann", duration: 30 });
  await open(page, "ann");
  const extend = now(page).getByRole("button", { name: "Extend" });
  await expect(extend).toBeVisible();
  await page.getByRole("heading", { name: "Reservations" }).click();
  for (let n = 0; n < 20 && !(await extend.evaluate((one) => one === document.activeElement)); n++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Minutes more")).toBeFocused();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("10");
  await page.keyboard.press("Enter");
  await expect(now(page)).toContainText(/3[5-9] minutes left/);
  await expect(extend).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(now(page)).toHaveCount(0);
});

test("ten thousand that are over don't hang it; in French, with the browser's clock an hour wrong", async ({
  browser,
}) => {
  await (await as("dora"))("/reservations", { username: "dora", duration: 30 });
  await control(
    "sql",
    `INSERT INTO reservations (id, username, state, count, duration_minutes, created_at, starts_at, ends_at, ended_at)
     SELECT CONCAT('many-', seq), 'many', 'ended', 1, 30, '2026-01-01' + INTERVAL seq SECOND, '2026-01-01', '2026-01-02', UTC_TIMESTAMP(3)
     FROM seq_1_to_10000`,
  );
  const page = await another(browser, "dora", "fr-FR");
  await page.addInitScript(() => {
    const Real = Date;
    const ahead = () => Real.now() + 3_600_000;
    window.Date = new Proxy(Real, {
      construct: (_, args) => (args.length > 0 ? new Real(...(args as [number])) : new Real(ahead())),
      get: (of, what) => (what === "now" ? ahead : Reflect.get(of, what)),
    });
  });
  await page.goto("/ui/reservations");
  await page.getByLabel("Toutes").check();
  const held = region(page, "En cours");
  await expect(held).toContainText(/encore 2[5-9] minutes/);
  const past = region(page, "Terminées").getByRole("article");
  await expect(past).toHaveCount(50);
  for (const many of [150, 250]) {
    await region(page, "Terminées").getByRole("button", { name: "En afficher plus" }).click();
    await expect(past).toHaveCount(many);
  }
  await held.getByRole("button", { name: "Prolonger" }).click();
  await expect(page.getByRole("dialog")).toContainText("Possible jusqu'à");
  await page.keyboard.press("Escape");
  await accessible(page);
  await control("sql", "DELETE FROM reservations WHERE id LIKE 'many-%'");
  await page.context().close();
});
