// The page Pool, as somebody uses it who was told nothing.
import { accessible, another, api, control, expect, logIn, OPEN_SITE, test, timed } from "./fixture.ts";

test("reserve two machines, log in with what the page shows, extend, release", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/");
  await expect(page).toHaveURL(/\/ui\/$/);
  const form = page.getByRole("form", { name: "Reserve machines" });
  await expect(form.getByLabel("User name")).toHaveValue("ann");
  await form.getByLabel("How many").fill("2");
  await form.getByLabel("Minutes").fill("30");
  await expect(form).toContainText("4 match, 4 free");
  await form.getByRole("button", { name: "Reserve" }).click();
  const mine = page.getByRole("region", { name: "Your machines" });
  const lines = mine.getByRole("region", { name: /^Log in/ });
  await expect(lines).toHaveCount(2);
  // Which line is for which machine can be seen, too.
  for (const line of await lines.all()) {
    const machine = (await line.getAttribute("aria-label"))?.replace("Log in: ", "") ?? "?";
    await expect(mine.getByText(machine, { exact: true })).toBeVisible();
  }
  const password = (await mine.getByRole("region", { name: "Password" }).textContent()) ?? "";
  // A browser that lets no page copy: what is to be copied is selected.
  await page.evaluate(() =>
    Object.defineProperty(navigator, "clipboard", {
      value: { writeText: () => Promise.reject(new Error()) },
    }),
  );
  await mine.getByRole("button", { name: "Copy Password" }).click();
  await expect(mine.getByText("The text is selected")).toBeVisible();
  expect(await page.evaluate(() => `${getSelection()}`)).toBe(password);
  for (const line of await lines.allTextContents()) {
    const [, port = ""] = /ssh -p (\d+) ann@127\.0\.0\.1/.exec(line) ?? [];
    expect(await control("ssh", port, "ann", password, "id -un")).toBe("ann");
  }
  await mine.getByText("Show ssh_config").click();
  await expect(mine.getByRole("region", { name: /^ssh_config/ })).toContainText("Host node1");
  await accessible(page);

  await mine.getByRole("button", { name: "Extend" }).click();
  await page.getByLabel("Minutes more").fill("15");
  await page.getByRole("button", { name: "Extend it" }).click();
  await expect(mine).toContainText(/4[0-4] minutes/);
  await mine.getByRole("button", { name: "Release" }).click();
  await expect(page.getByRole("dialog")).toContainText("The account ann, its files and its processes");
  await page.getByRole("button", { name: "Release now" }).click();
  await expect(mine).toHaveCount(0);
  await expect(page.getByText("Released; the accounts are gone.")).toBeVisible();
  await expect.poll(async () => (await api("GET", "/available")).body.reserved).toEqual([]);
  await expect(page.getByRole("main")).toBeFocused();
});

test("another browser shows it without a reload", async ({ page, browser }) => {
  await logIn(page, "dora");
  await page.goto("/ui/");
  const taken = page.getByRole("listitem").filter({ hasText: "held by ben" });
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const ben = await another(browser, "ben");
  await ben.goto("/ui/");
  await ben.getByRole("button", { name: "Reserve" }).click();
  await expect(ben.getByRole("region", { name: "Your machines" })).toContainText("Ready");
  await timed("another browser's machine is shown as taken", () => expect(taken).toContainText("Taken"));
  await ben.context().close();
});

test("what is booked for later doesn't stand in the way", async ({ page }) => {
  await logIn(page, "ann");
  const { request } = page.context();
  const { csrf } = await (await request.get("/session")).json();
  const book = async (hours: number) => {
    const starts_at = new Date(Date.now() + hours * 3_600_000).toISOString();
    const data = { username: "ann", password: "a secret of hers", duration: 30, starts_at };
    const made = await request.post("/reservations", { data, headers: { "x-csrf-token": csrf } });
    expect(made.status()).toBe(202);
  };
  for (const hours of [200, 3, 100, 2]) await book(hours);
  await page.goto("/ui/");
  const mine = page.getByRole("region", { name: "Your machines" });
  await expect(mine.getByRole("article")).toHaveCount(2);
  await expect(mine.getByRole("article").first()).toContainText(/in 1 hour 59 minutes|in 2 hours/);
  await mine.getByRole("link", { name: "2 later bookings" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Reservations");
});

test("an open API says so, and what to type", async ({ browser }) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${OPEN_SITE}/ui/`);
  await expect(page.getByText("just token")).toBeVisible();
  await accessible(page);
  await context.close();
});

test("with the keyboard alone, and the focus is where it is needed next", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/");
  await page.getByLabel("User name").focus();
  await page.keyboard.press("Enter");
  const mine = page.getByRole("region", { name: "Your machines" });
  await expect(mine.getByRole("heading", { name: "Reservation of ann" })).toBeFocused();
  const release = mine.getByRole("button", { name: "Release" });
  for (let n = 0; n < 12 && !(await release.evaluate((one) => one === document.activeElement)); n++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(release).toBeFocused();
  // Twice does nothing.
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(mine).toHaveCount(0);
});

test("a page that was left before it came doesn't take the place of the one that is here", async ({
  page,
}) => {
  await logIn(page, "ann");
  await page.goto("/ui/");
  await expect(page.getByRole("form", { name: "Reserve machines" })).toBeVisible();
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route("**/ui/assets/*.js", async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest("**/ui/assets/*.js");
  await page.getByRole("link", { name: "Series" }).click();
  const file = await asked;
  await page.getByRole("link", { name: "Pool" }).click();
  await expect(page.getByRole("form", { name: "Reserve machines" })).toBeVisible();
  go();
  await page.evaluate(async (url) => {
    await import(url);
    for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
  }, file.url());
  expect(await page.getByRole("form", { name: "Reserve machines" }).isVisible()).toBe(true);
});

test("what is wrong is said beside its field, and nothing typed is lost", async ({ page }) => {
  await logIn(page, "ann");
  await page.goto("/ui/");
  const name = page.getByLabel("User name");
  await name.fill("Ann Smith");
  await page.getByLabel("How many").fill("99");
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await expect(name).toBeFocused();
  await accessible(page);
  await name.fill("ann");
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByRole("form").getByRole("alert")).toContainText("machines");
  await expect(page.getByLabel("How many")).toHaveValue("99");
  // An end that is past: not the minutes of before.
  await page.getByLabel("Until").fill("2026-01-01T08:00");
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByLabel("Minutes", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Until")).toHaveValue("2026-01-01T08:00");
});

test("the time left is right although the browser's clock is an hour ahead", async ({ page }) => {
  await page.addInitScript(() => {
    const Real = Date;
    const ahead = () => Real.now() + 3_600_000;
    window.Date = new Proxy(Real, {
      construct: (_, args) => (args.length > 0 ? new Real(...(args as [number])) : new Real(ahead())),
      get: (of, what) => (what === "now" ? ahead : Reflect.get(of, what)),
    });
  });
  await logIn(page, "ann");
  await page.goto("/ui/");
  await page.getByLabel("Minutes").fill("30");
  await page.getByRole("button", { name: "Reserve" }).click();
  await expect(page.getByRole("region", { name: "Your machines" })).toContainText(/2[5-9] minutes left/);
});

test("in French", async ({ browser }) => {
  const page = await another(browser, "ann", "fr-FR");
  await page.goto("/ui/");
  await expect(page.getByRole("heading", { name: "Parc" })).toBeVisible();
  await expect(page.getByRole("link", { name: "ann (utilisateur)" })).toBeVisible();
  await page.getByRole("button", { name: "Réserver" }).click();
  await expect(page.getByRole("region", { name: "Vos machines" })).toContainText("minutes");
  await accessible(page);
  await page.context().close();
});

test("a viewer sees the pool, but no way to reserve; the request behind it is refused, too", async ({
  page,
}) => {
  await logIn(page, "vic");
  await page.goto("/ui/");
  await expect(page.getByText("Your role may look, but not reserve.")).toBeVisible();
  await expect(page.getByRole("form")).toHaveCount(0);
  for (const name of ["Machines", "Users", "Events", "Usage"])
    await expect(page.getByRole("navigation").getByRole("link", { name })).toHaveCount(0);
  const status = await page.evaluate(async () => {
    const { csrf } = await (await fetch("/session")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const answer = await fetch("/reservations", { method: "POST", headers, body: '{"username":"vic"}' });
    return answer.status;
  });
  expect(status).toBe(403);
});

test.describe("an API that fails for a while", () => {
  test.use({ expected: /status of 503/ });

  test("who is logged in, the machines and one's own are loaded as soon as they can be, without a click", async ({
    page,
  }) => {
    await logIn(page, "ann");
    const { csrf } = await (await page.request.get("/session")).json();
    const headers = { "X-CSRF-Token": csrf };
    const data = { username: "ann", duration: 30 };
    expect((await page.request.post("/reservations", { data, headers })).status()).toBe(201);
    let isDown = true;
    const words = JSON.stringify({ error: "The database is not responding", code: "database_unavailable" });
    await page.route(/\/(session|machines|reservations)(\?.*)?$/, (route) =>
      isDown
        ? route.fulfill({ status: 503, contentType: "application/json", body: words })
        : route.fallback(),
    );
    await page.goto("/ui/");
    await expect(page.getByRole("alert")).toContainText("The database is not responding");
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    isDown = false;
    await expect(page.getByRole("form", { name: "Reserve machines" })).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: "lab-1" })).toBeVisible();
    await expect(page.getByRole("region", { name: "Your machines" })).toContainText("Ready");
  });
});

test.describe("a thousand machines", () => {
  test.beforeEach(() =>
    control(
      "sql",
      `INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, state, since, generation,
         last_used_at, probed_at, swept_at, sweep_at, created_at)
       SELECT UUID(), CONCAT('many-', seq), 'h', CONCAT('many-', seq), 1, 'root', 'pool_key', '', '{}', 'available', '2026-01-01',
         1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY, UTC_TIMESTAMP(3)
       FROM seq_1_to_1000`,
    ),
  );
  test.afterEach(() => control("sql", "DELETE FROM machines WHERE name LIKE 'many-%'"));

  test("only what an event is about is loaded again", async ({ page }) => {
    const whole: string[] = [];
    const asked: string[] = [];
    page.on("request", (request) => {
      const { pathname, search } = new URL(request.url());
      if (!pathname.startsWith("/machines")) return;
      (pathname === "/machines" && !search ? whole : asked).push(pathname + search);
    });
    await logIn(page, "dora");
    await page.goto("/ui/");
    const filter = page.getByRole("group", { name: "Show only" });
    await expect(filter).toContainText("1004 Free");
    const tiles = page.getByRole("list", { name: "Machines" }).getByRole("listitem");
    await expect(tiles.filter({ hasText: "many-" }).nth(9)).toContainText("many-10");
    // All are loaded at first, and when the stream begins; whatever was due is done when this is on the page.
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await api("PATCH", "/machines/many-6", { drained: true });
    await expect(filter).toContainText("1 Drained");
    expect(whole.length).toBeGreaterThan(0);
    [whole.length, asked.length] = [0, 0];
    await api("PATCH", "/machines/many-7", { drained: true });
    await expect(filter).toContainText("2 Drained");
    await api("POST", "/reservations", { username: "eve", machines: ["lab-2"], duration: 30 });
    await expect(filter).toContainText("1 Taken");
    await expect(page.getByRole("listitem").filter({ hasText: "held by eve" })).toContainText("lab-2");
    await api("DELETE", "/machines/many-8?force=true");
    await expect(page.getByText("1003 machines")).toBeVisible();
    expect(whole).toEqual([]);
    expect(asked).toContain("/machines/many-7");
  });
});

test("a reservation that another tab or a program made is among one's machines at once; Enter held does its work once", async ({
  page,
}) => {
  for (const who of ["ann", "dora"]) {
    await page.context().clearCookies();
    await logIn(page, who);
    await page.goto("/ui/");
    await expect(page.getByRole("form", { name: "Reserve machines" })).toBeVisible();
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    const { csrf } = await (await page.request.get("/session")).json();
    const headers = { "X-CSRF-Token": csrf };
    const data = { username: who, duration: 30 };
    expect((await page.request.post("/reservations", { data, headers })).status()).toBe(201);
    const mine = page.getByRole("region", { name: "Your machines" });
    await expect(mine).toContainText("Ready");
    // Somebody else's isn't.
    await api("POST", "/reservations", { username: "eve", duration: 30 });
    await expect(page.getByRole("listitem").filter({ hasText: "held by eve" })).toHaveCount(
      who === "dora" ? 2 : 0,
    );
    await expect(mine.getByRole("article")).toHaveCount(1);
    await mine.getByRole("button", { name: "Extend" }).focus();
    // As a keyboard does: down again and again, until it is up.
    for (let n = 0; n < 20; n++) await page.keyboard.down("Enter");
    await expect(page.getByLabel("Minutes more")).toBeFocused();
    for (let n = 0; n < 20; n++) await page.keyboard.down("Enter");
    await page.keyboard.up("Enter");
    await expect(page.getByRole("button", { name: "Extend it" })).not.toHaveAttribute("aria-busy", "true");
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(mine).toContainText(/2\d minutes left/);
  }
});
