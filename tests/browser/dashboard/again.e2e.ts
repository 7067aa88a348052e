// An API that fails for a while: each page says so, and loads by itself what it could not load.
import { expect, logIn, test } from "./fixture.ts";

test.use({ expected: /status of 503/ });

const WORDS = JSON.stringify({ error: "The database is not responding", code: "database_unavailable" });

for (const [place, paths] of [
  ["/ui/reservations", ["/reservations"]],
  ["/ui/series", ["/series"]],
  ["/ui/machines", ["/machines"]],
  ["/ui/users", ["/users", "/tokens"]],
  ["/ui/events", ["/events"]],
  ["/ui/usage", ["/usage"]],
] as const)
  test(`${place} is whole as soon as it can be, without a click`, async ({ page }) => {
    await logIn(page, "dora");
    let isDown = true;
    await page.route(
      ({ pathname }) => paths.some((path) => path === pathname),
      (route) =>
        isDown
          ? route.fulfill({ status: 503, contentType: "application/json", body: WORDS })
          : route.fallback(),
    );
    await page.goto(place);
    const alerts = page.getByRole("alert").filter({ hasText: "The database is not responding" });
    await expect(alerts.first()).toBeVisible();
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    isDown = false;
    await expect(alerts).toHaveCount(0);
    await expect(page.getByText("Loading…", { exact: true })).toHaveCount(0);
  });
